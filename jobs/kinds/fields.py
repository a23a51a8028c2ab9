"""Fields that several kinds of job share: what a knob means is said once.

`choose` tells a form which list to offer, `unit` what a number counts.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """The base of every spec: it can't be changed, and knows no setting that is not named."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def choose(what: str, unit: str = "") -> dict[str, Any]:
    """The extra facts of a field that names one of `what`."""
    return {"choose": what} | ({"unit": unit} if unit else {})


def unit(name: str) -> dict[str, Any]:
    """The extra fact of a field that counts something."""
    return {"unit": name}


Dataset = Annotated[
    str,
    Field(
        min_length=1,
        description="the dataset: its name, its id, or the id of the job that imports it",
        json_schema_extra=choose("dataset"),
    ),
]
Index = Annotated[
    str,
    Field(
        description="the index: its id or the id of the job that builds it; empty takes the dataset's latest",
        json_schema_extra=choose("index"),
    ),
]
Questions = Annotated[
    str,
    Field(
        description="the written questions: their id or the id of the job that writes them; empty takes the "
        "dataset's latest",
        json_schema_extra=choose("questions"),
    ),
]
Adapter = Annotated[
    str,
    Field(
        description="the adapter: its id or the id of the job that trains it; empty for none",
        json_schema_extra=choose("adapter"),
    ),
]
Device = Annotated[
    Literal["auto", "cuda", "mps", "cpu"], Field(description="where to compute; auto takes the best there is")
]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1, description="seed of everything that is drawn by chance")]
K = Annotated[
    int, Field(ge=1, le=20, description="chunks retrieved for a question", json_schema_extra=unit("chunks"))
]
Bullets = Annotated[
    int, Field(ge=1, le=8, description="most bullets in a prompt", json_schema_extra=unit("bullets"))
]
