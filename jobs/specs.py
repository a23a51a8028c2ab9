"""The specs of the command line's jobs: one frozen model each, of which options and stored spec are made."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.catalog import LARGE, SMALL

ARMS = {
    "baseline": "Baseline",
    "lora": "LoRA",
    "rag": "RAG",
    "rag+compress": "RAG+Compress",
    "lora+rag": "LoRA+RAG",
    "lora+rag+compress": "LoRA+RAG+Compress",
    "large": "Large+RAG+Compress",
}
FOUR = ("baseline", "lora", "rag+compress", "lora+rag+compress")


class QuickstartSpec(BaseModel):
    """Documents in, the table out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    documents: str = Field(
        "space",
        description="a file or folder of Markdown, text, HTML, PDF, Word, CSV, JSONL or SQuAD JSON, zips of "
        "these; or a sample: space, handbook",
        json_schema_extra={"choose": "documents"},
    )
    questions: str = Field(
        "",
        description="a file or folder of questions; else those that come with the documents, "
        "else synthetic ones",
    )
    name: str = Field("", description="the experiment's name; it is made of the documents' name if left out")
    small: str = Field(
        SMALL,
        description="the small model: a catalog name, a hub id (owner/name) or a folder",
        json_schema_extra={"choose": "model"},
    )
    large: str = Field(
        LARGE,
        description="the large model, which answers in the arm `large`",
        json_schema_extra={"choose": "model"},
    )
    writer: str = Field(
        LARGE,
        description="the model that writes the training questions",
        json_schema_extra={"choose": "model"},
    )
    arms: str = Field(
        ",".join(FOUR),
        description=f"rows of the table, of {', '.join(ARMS)}; `...` stands for the usual four",
        json_schema_extra={"choose": "arms"},
    )
    target: int = Field(400, ge=20, le=100_000, description="training questions to keep before rewording")
    write_seconds: int = Field(90, ge=5, le=36_000, description="longest time to write questions, in seconds")
    bullets: int = Field(6, ge=1, le=8, description="most bullets in a prompt")
    k: int = Field(3, ge=1, le=20, description="chunks retrieved for a question")
    r: int = Field(32, ge=1, le=512, description="rank of the adapter")
    learning_rate: float = Field(
        0.0, ge=0, le=0.1, description="peak learning rate; 0 takes the usual one for the model's size"
    )
    epochs: float = Field(1.0, gt=0, le=50, description="passes over the training rows")
    timed: int = Field(30, ge=1, le=10_000, description="test questions that are timed one by one")
    device: Literal["auto", "cuda", "mps", "cpu"] = Field("auto", description="where to compute")
    seed: int = Field(0, ge=0, description="seed of everything that is drawn by chance")

    def rows(self) -> list[str]:
        """The arms asked for, Baseline first, each once. Raises ValueError for one that does not exist."""
        return arms_of(self.arms)


def arms_of(text: str) -> list[str]:
    """The arms that a comma-separated text names, Baseline first, each once; `...` stands for the usual four.

    Raises ValueError for one that does not exist.
    """
    asked = [part.strip().lower() for part in text.split(",") if part.strip()]
    wanted = ["baseline", *(name for part in asked for name in (FOUR if part == "..." else (part,)))]
    unknown = [name for name in wanted if name not in ARMS]
    if unknown:
        raise ValueError(
            f"there is no arm {unknown[0]!r}: use some of {', '.join(ARMS)}, or ... for the usual four"
        )
    return list(dict.fromkeys(wanted))
