"""The one prompt renderer: training, serving and measuring all turn a question and its bullets into tokens here.

The layout is fixed by PROMPT_VERSION; each model's own chat template makes it that model's format. Knows no model weights.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from engine.inference.trace import Answer

PROMPT_VERSION = 1
REFUSAL = "I don't know"
MAX_BULLETS = 8
SYSTEM = (
    "Answer with a short phrase from the numbered evidence, then its number, like: Paris [2]. "
    f"If the evidence does not answer the question, say: {REFUSAL}"
)
SYSTEM_ASK = "Write one question about the evidence that the given answer answers."
Messages = list[dict[str, str]]

_CITATION = re.compile(r"\s*\[(\d+)\]")
_REFUSED = re.compile(r"\bi\s+(don[’'`]?t|do\s+not)\s+know\b", re.IGNORECASE)


def answer_messages(question: str, evidence: Sequence[str] = ()) -> Messages:
    """The chat that asks `question` over numbered `evidence`; without evidence the question alone (closed book)."""
    question = " ".join(question.split())
    if not evidence:
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"Question: {question}\nAnswer:"}]
    numbered = "\n".join(f"[{number}] {' '.join(text.split())}" for number, text in enumerate(evidence, 1))
    user = f"Question: {question}\nEvidence:\n{numbered}\nQuestion: {question}\nAnswer:"
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}]


def ask_messages(evidence: Sequence[str], answer: str) -> Messages:
    """The chat that asks for a question about `evidence` whose answer is `answer` (the embedded models' second skill)."""
    numbered = "\n".join(f"[{number}] {' '.join(text.split())}" for number, text in enumerate(evidence, 1))
    user = f"Evidence:\n{numbered}\nAnswer: {answer}\nQuestion:"
    return [{"role": "system", "content": SYSTEM_ASK}, {"role": "user", "content": user}]


def answer_text(answer: str, citation: int | None) -> str:
    """The assistant's turn: a short answer and its bullet's number, or the answer alone."""
    return answer if citation is None else f"{answer} [{citation}]"


def render(tokenizer: Any, messages: Messages) -> str:
    """The text a model is served: its own chat template, ready for the assistant's turn.

    A template without a system role gets the system message in front of the user's; a tokenizer without a template gets the
    contents joined by blank lines. Reasoning modes are switched off where the template has the switch.
    """
    from jinja2 import TemplateError

    if tokenizer.chat_template is None:
        return "\n\n".join(message["content"] for message in messages)
    options = {"tokenize": False, "add_generation_prompt": True, "enable_thinking": False}
    try:
        return str(tokenizer.apply_chat_template(messages, **options))
    except TemplateError:
        return str(tokenizer.apply_chat_template(_without_system(messages), **options))


def prompt_ids(tokenizer: Any, messages: Messages) -> list[int]:
    """`render` as token ids. The template writes the special tokens, so none are added."""
    return list(tokenizer(render(tokenizer, messages), add_special_tokens=False)["input_ids"])


def completion_ids(tokenizer: Any, answer: str) -> list[int]:
    """The tokens a model should say for `answer` after the prompt, with its end-of-turn token.

    Tokenized apart from the prompt, because that is where decoding starts.
    """
    return [*tokenizer(lead(tokenizer) + answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]


def lead(tokenizer: Any) -> str:
    """What the template puts between the end of the prompt and the assistant's words (a blank for bantam-small, else nothing)."""
    if tokenizer.chat_template is None:
        return " "
    marker = "QQQQ"
    messages = [{"role": "user", "content": "Question"}]
    prompt = render(tokenizer, messages)
    full = str(tokenizer.apply_chat_template([*messages, {"role": "assistant", "content": marker}], tokenize=False))
    between = full[len(prompt) : full.find(marker)] if full.startswith(prompt) and marker in full else ""
    return between if between.isspace() else ""


def refusal_token(tokenizer: Any) -> int:
    """The id of the first token of the refusal, at the place where an answer starts."""
    return completion_ids(tokenizer, REFUSAL)[0]


def template_hash(tokenizer: Any) -> str:
    """sha256 (first 16 hex digits) of the chat template; a manifest carries it so that serving can tell a change."""
    return hashlib.sha256((tokenizer.chat_template or "").encode()).hexdigest()[:16]


def parse(raw: str, bullets: int, *, refusal: float = 0.0, logprobs: Sequence[float] = ()) -> Answer:
    """Take a decoded answer apart: its words, the bullets it cites (only numbers 1..`bullets`), whether it refuses."""
    cited = tuple(dict.fromkeys(int(number) for number in _CITATION.findall(raw) if 1 <= int(number) <= bullets))
    text = " ".join(_CITATION.sub(" ", raw).split()).strip()
    refused = not text or bool(_REFUSED.search(text))
    return Answer(
        text=REFUSAL if refused else text,
        raw=raw,
        refused=refused,
        citations=() if refused else cited,
        refusal=refusal,
        logprobs=tuple(logprobs),
    )


def _without_system(messages: Messages) -> Messages:
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    rest = [dict(message) for message in messages if message["role"] != "system"]
    if system and rest:
        rest[0]["content"] = f"{system}\n\n{rest[0]['content']}"
    return rest
