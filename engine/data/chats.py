"""Rows of chats and preferences, as trainers write them: messages, prompt and completion, prompt with chosen
and rejected, instruction and output, conversations. Knows no file format but the shape of a row.
"""

from collections.abc import Iterable
from typing import Any

from engine.data.formats import Unusable, kind_of, normalise
from engine.data.records import Chat, Message, Pair
from engine.data.shelf import Place, Shelf

ROLES = {
    **{role: role for role in ("system", "user", "assistant", "tool")},
    **{"human": "user", "prompter": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"},
    **{"developer": "system", "function": "tool"},
}
TURNS = ("messages", "conversations", "conversation")
ASKED = ("prompt", "question", "instruction", "input")
PREFERRED = ("chosen", "rejected")
SAID = {"prompt": ("completion", "response", "answer"), "instruction": ("output", "response")}


def is_chat(names: Iterable[str]) -> bool:
    """Whether a row with fields of these names (lower case) is a chat or a preference."""
    names = set(names)
    if names.issuperset(PREFERRED) or names.intersection(TURNS):
        return True
    return any(asked in names and names.intersection(said) for asked, said in SAID.items())


def add_chat(shelf: Shelf, row: dict[str, Any], place: Place, identity: str) -> None:
    """Put the chat or the pair of a row (field names in lower case) on the shelf. Raises Unusable."""
    if row.keys() >= set(PREFERRED):
        shelf.add_pair(_pair(row, identity), place)
        return
    turns = next((row[name] for name in TURNS if row.get(name) not in (None, "")), None)
    messages = _messages(turns, "messages") if turns is not None else _asked(row) + _said(row)
    if not messages or messages[-1].role != "assistant":
        raise Unusable(
            "a chat that does not end with the assistant's words; there is nothing to learn from it"
        )
    if not any(message.role == "user" for message in messages):
        raise Unusable("a chat in which no user speaks")
    shelf.add_chat(Chat(identity, messages), place)


def _pair(row: dict[str, Any], identity: str) -> Pair:
    sides = [_side(row[name], name) for name in PREFERRED]
    prompt = _asked(row) if any(row.get(name) for name in ASKED) else ()
    if not prompt:  # whole conversations on both sides: what they share is the prompt
        shared = 0
        while shared < min(map(len, sides)) - 1 and sides[0][shared] == sides[1][shared]:
            shared += 1
        prompt, sides = sides[0][:shared], [side[shared:] for side in sides]
    elif len(sides[0]) > len(prompt) and all(side[: len(prompt)] == prompt for side in sides):
        sides = [side[len(prompt) :] for side in sides]  # the prompt repeated in front of both
    if not prompt:
        raise Unusable("a preference without a prompt")
    if any(len(side) != 1 or side[0].role != "assistant" for side in sides):
        raise Unusable("chosen and rejected are to be one answer each to the same prompt")
    chosen, rejected = (side[0].content for side in sides)
    if chosen.strip() == rejected.strip():
        raise Unusable("chosen and rejected are the same")
    return Pair(identity, prompt, chosen, rejected)


def _side(value: Any, name: str) -> tuple[Message, ...]:
    if isinstance(value, str) and value.strip():
        return (Message("assistant", normalise(value)),)
    if value in ("", None) or (isinstance(value, str) and not value.strip()):
        raise Unusable(f"field {name!r} is empty")
    if isinstance(value, dict):
        value = [value]
    found = _messages(value, name)
    if not found:
        raise Unusable(f"field {name!r} is empty")
    return found


def _asked(row: dict[str, Any]) -> tuple[Message, ...]:
    """The prompt: a text or a list of messages; a system text and an instruction's input belong to it."""
    name = next((name for name in ASKED if row.get(name)), "")
    value = row.get(name)
    if isinstance(value, list):
        return _messages(value, name)
    if not isinstance(value, str) or not value.strip():
        raise Unusable(f"field {name!r} holds {kind_of(value)}, not a text" if name else "an empty prompt")
    more = row.get("input") if name == "instruction" else None
    text = normalise(value) + (f"\n\n{normalise(more)}" if isinstance(more, str) and more.strip() else "")
    system = row.get("system")
    start = (Message("system", normalise(system)),) if isinstance(system, str) and system.strip() else ()
    return (*start, Message("user", text))


def _said(row: dict[str, Any]) -> tuple[Message, ...]:
    names = [name for asked, said in SAID.items() if row.get(asked) for name in said if row.get(name)]
    if not names:
        raise Unusable("a prompt without a completion")
    value = row[names[0]]
    if isinstance(value, list):
        return _messages(value, names[0])
    if not isinstance(value, str) or not value.strip():
        raise Unusable(f"field {names[0]!r} holds {kind_of(value)}, not a text")
    return (Message("assistant", normalise(value)),)


def _messages(value: Any, name: str) -> tuple[Message, ...]:
    if not isinstance(value, list):
        raise Unusable(f"field {name!r} holds {kind_of(value)}, not a list of messages")
    found = []
    for turn in value:
        if not isinstance(turn, dict):
            raise Unusable(
                f"field {name!r} holds {kind_of(turn)} where a message with role and content belongs"
            )
        role = ROLES.get(str(turn.get("role", turn.get("from", ""))).casefold())
        content = turn.get("content", turn.get("value", turn.get("text")))
        if role is None:
            raise Unusable(f"a message's role is none of {', '.join(dict.fromkeys(ROLES.values()))}")
        if isinstance(content, list):  # blocks, of which only texts are text
            content = "".join(block.get("text", "") for block in content if isinstance(block, dict))
        if not isinstance(content, str):
            raise Unusable(f"a message's content is {kind_of(content)}, not a text")
        found.append(Message(role, normalise(content)))
    return tuple(found)
