"""The one prompt renderer: training, serving and measuring all turn a question and its
bullets into tokens here.

The layout is fixed by PROMPT_VERSION; each model's own chat template makes it that model's format.
Questions and evidence are untrusted: they can't write a line, a bullet's number or a special token of their
own. Knows no model weights.
"""

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from engine.errors import ModelError
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

# Some templates (Llama 3.2, SmolLM3) write today's date: a prompt must be the same tomorrow as when it was
# trained.
TODAY = "1 January 2025"

_CITATION = re.compile(r"\s*\[(\d{1,9})\]")
_NUMBER = re.compile(r"\[(\d+)\]")
_REFUSED = re.compile(r"\bi\s+(don[’‘ʼ'`´]?t|do\s+not)\s+know\b", re.IGNORECASE)


def answer_messages(question: str, evidence: Sequence[str] = ()) -> Messages:
    """The chat that asks `question` over numbered `evidence`; without evidence the
    question alone (closed book)."""
    question = _line(question)
    if not evidence:
        return [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": f"Question: {question}\nAnswer:"},
        ]
    user = f"Question: {question}\nEvidence:\n{_numbered(evidence)}\nQuestion: {question}\nAnswer:"
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}]


def ask_messages(evidence: Sequence[str], answer: str) -> Messages:
    """The chat that asks for a question about `evidence` whose answer is `answer` (the embedded
    models' second skill)."""
    user = f"Evidence:\n{_numbered(evidence)}\nAnswer: {_line(answer)}\nQuestion:"
    return [{"role": "system", "content": SYSTEM_ASK}, {"role": "user", "content": user}]


def answer_text(answer: str, citation: int | None) -> str:
    """The assistant's turn: a short answer and its bullet's number, or the answer alone."""
    return answer if citation is None else f"{answer} [{citation}]"


def render(tokenizer: Any, messages: Messages) -> str:
    """The text a model is served: its own chat template, ready for the assistant's turn.

    A template without a system role gets the system message in front of the user's; a tokenizer without a
    template gets the contents joined by blank lines. Reasoning modes are switched off where the template has
    the switch, and its date is TODAY. Special tokens that stand in the messages as text are broken up by a
    blank, so that they are read as text. Raises ModelError when the template can't be used.
    """
    messages = [{**message, "content": harmless(tokenizer, message["content"])} for message in messages]
    if not _template(tokenizer):
        return "\n\n".join(message["content"] for message in messages)
    return _templated(tokenizer, messages, add_generation_prompt=True)


def prompt_ids(tokenizer: Any, messages: Messages) -> list[int]:
    """`render` as token ids. The template writes the special tokens, so none are added; without one, the text
    gets the tokenizer's own at its start."""
    text = render(tokenizer, messages)
    if _template(tokenizer):
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])
    ids = list(tokenizer(text)["input_ids"])
    return ids[:-1] if ids[-1:] == [tokenizer.eos_token_id] else ids


def completion_ids(tokenizer: Any, answer: str) -> list[int]:
    """The tokens a model should say for `answer` after the prompt, with its end-of-turn token.

    Tokenized apart from the prompt, because that is where decoding starts. Raises ModelError when
    the tokenizer has no end.
    """
    end = turn_end(tokenizer)
    if end is None:
        raise ModelError(
            "The tokenizer names no token that ends an answer: set eos_token in its tokenizer_config.json."
        )
    said = lead(tokenizer) + harmless(tokenizer, answer)
    return [*tokenizer(said, add_special_tokens=False)["input_ids"], end]


def lead(tokenizer: Any) -> str:
    """What the template puts between the end of the prompt and the assistant's words (a blank for
    bantam-small, else nothing)."""
    if not _template(tokenizer):
        return " "
    between = _turn(tokenizer)[0]
    return between if between.isspace() else ""


def turn_end(tokenizer: Any) -> int | None:
    """The id of the token that ends the assistant's turn: the template's (<|end|> for Phi, <end_of_turn> for
    Gemma), else the tokenizer's end of text; None when there is neither."""
    after = _turn(tokenizer)[1].lstrip() if _template(tokenizer) else ""
    ids = tokenizer(after, add_special_tokens=False)["input_ids"] if after else []
    return int(ids[0]) if ids and ids[0] in _specials(tokenizer) else tokenizer.eos_token_id


def harmless(tokenizer: Any, text: str) -> str:
    """`text` with a blank inside every string that the tokenizer would read as a special token,
    so that it stays text."""
    controls = _controls(tokenizer, _template(tokenizer))
    for _ in range(3):  # more than once, since breaking one string may leave another that overlapped it
        text = controls.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)
    return text


def refusal_token(tokenizer: Any) -> int:
    """The id of the first token of the refusal, at the place where an answer starts."""
    return completion_ids(tokenizer, REFUSAL)[0]


def template_hash(tokenizer: Any) -> str:
    """sha256 (first 16 hex digits) of the chat template; a manifest carries it so that
    serving can tell a change."""
    return hashlib.sha256(_template(tokenizer).encode()).hexdigest()[:16]


def parse(raw: str, bullets: int, *, refusal: float | None = None, logprobs: Sequence[float] = ()) -> Answer:
    """Take a decoded answer apart: its words, the bullets it cites (only numbers
    1..`bullets`), whether it refuses."""
    cited = tuple(
        dict.fromkeys(int(number) for number in _CITATION.findall(raw) if 1 <= int(number) <= bullets)
    )
    text = " ".join(_CITATION.sub(lambda cite: " " if raw[cite.end() :][:1].isalnum() else "", raw).split())
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


def _line(text: str) -> str:
    """One line in which no bullet's number stands: "[3]" becomes "[ 3 ]", which is no citation."""
    return _NUMBER.sub(r"[ \1 ]", " ".join(text.split()))


def _numbered(evidence: Sequence[str]) -> str:
    return "\n".join(f"[{number}] {_line(text)}" for number, text in enumerate(evidence, 1))


def _template(tokenizer: Any) -> str:
    return str(tokenizer.get_chat_template()) if tokenizer.chat_template else ""


def _templated(tokenizer: Any, messages: Messages, *, add_generation_prompt: bool) -> str:
    from jinja2 import TemplateError

    template = _template(tokenizer)
    if "strftime_now" in template:
        template = "{%- macro strftime_now(format) -%}" + TODAY + "{%- endmacro -%}" + template
    options = {"tokenize": False, "chat_template": template, "enable_thinking": False, "date_string": TODAY}
    try:
        return str(
            tokenizer.apply_chat_template(messages, add_generation_prompt=add_generation_prompt, **options)
        )
    except TemplateError:
        messages = _without_system(messages)
    try:
        return str(
            tokenizer.apply_chat_template(messages, add_generation_prompt=add_generation_prompt, **options)
        )
    except (TemplateError, TypeError, ValueError) as error:
        raise ModelError(
            f"The model's chat template cannot be used ({error}): mend chat_template.jinja in its folder."
        ) from error


def _turn(tokenizer: Any) -> tuple[str, str]:
    """What the template writes before the assistant's words (after the prompt) and after them; two
    empty texts if unclear."""
    marker = "QQQQ"
    messages = [{"role": "user", "content": "Question"}]
    prompt = _templated(tokenizer, messages, add_generation_prompt=True)
    said = [*messages, {"role": "assistant", "content": marker}]
    full = _templated(tokenizer, said, add_generation_prompt=False)
    if not full.startswith(prompt) or marker not in full[len(prompt) :]:
        return "", full.rpartition(marker)[2] if marker in full else ""
    before, _, after = full[len(prompt) :].partition(marker)
    return before, after


@lru_cache(maxsize=8)
def _specials(tokenizer: Any) -> frozenset[int]:
    return frozenset(i for i, token in tokenizer.added_tokens_decoder.items() if token.special) | {
        *tokenizer.all_special_ids
    }


@lru_cache(maxsize=8)
def _controls(tokenizer: Any, template: str) -> re.Pattern[str]:
    """The strings that become special tokens, and the other added tokens that the template writes
    (<think>), in any case."""
    added = [
        token
        for token in tokenizer.added_tokens_decoder.values()
        if token.special or token.content in template
    ]
    strings = {token.content for token in added} | set(tokenizer.all_special_tokens)
    ordered = sorted((text for text in strings if len(text.strip()) > 1), key=lambda text: (-len(text), text))
    return re.compile("|".join(map(re.escape, ordered)) or r"(?!)", re.IGNORECASE)
