"""What travels between the lab and an OpenAI-compatible server: bytes bounded, replies and server-sent events
taken apart, failures sorted into those that may pass and those that will not.

Knows no retries and no clock of its own; engine/endpoint.py has both.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from engine.errors import EndpointError

if TYPE_CHECKING:
    import httpx

LETTERS_PER_TOKEN = 4  # what is assumed where a server does not count
SHOWN = 200


@dataclass(frozen=True)
class Reply:
    """One answer. Tokens are the server's count, or about a quarter of the letters (`counted` False);
    `finish` is "stop", "length" ..."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish: str = "stop"
    seconds: float = 0.0
    counted: bool = True


class Retry(Exception):
    """A failure that may pass. `after` is the wait the server asks for, in seconds."""

    def __init__(self, said: str, advice: str = "Try again later.", after: float | None = None) -> None:
        super().__init__(said)
        self.advice, self.after = advice, after


def blocks(
    response: "httpx.Response", deadline: float, now: Callable[[], float], most: int
) -> Iterator[bytes]:
    """The body piece by piece. Raises Retry past the deadline (a server may drip forever), EndpointError past
    `most` bytes."""
    size = 0
    for block in response.iter_bytes():
        size += len(block)
        if size > most:
            raise EndpointError(f"The server answered with more than {most / 1e6:.0f} MB: that is no answer.")
        if now() > deadline:
            raise Retry("took too long", "Give it more time (timeout), or ask for fewer tokens.")
        yield block


def lines(response: "httpx.Response", deadline: float, now: Callable[[], float], most: int) -> Iterator[str]:
    """The lines of a body, decoded; the last one also without its end."""
    left = b""
    for block in blocks(response, deadline, now, most):
        *whole, left = (left + block).split(b"\n")
        yield from (line.decode("utf-8", "replace").rstrip("\r") for line in whole)
    if left:
        yield left.decode("utf-8", "replace").rstrip("\r")


def json_of(body: bytes) -> Any:
    """The value of a body. Raises Retry if it is no JSON (cut short, or a proxy's page)."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Retry("answered with broken JSON", "Look at the server's log.") from None


def reply_of(value: Any, messages: Sequence[dict[str, str]], seconds: float) -> Reply:
    """The Reply of a chat completion. Raises Retry if it is not one."""
    try:
        choice = value["choices"][0]
        text = choice["message"]["content"]
    except (KeyError, IndexError, TypeError):
        raise Retry(
            "answered with JSON that is no chat completion", "Is the url one of an OpenAI-compatible API?"
        ) from None
    if not isinstance(text, str | None):
        raise Retry("answered with something that is not a text", "Ask a model that writes text.")
    return _counted(
        value.get("usage"), messages, text or "", str(choice.get("finish_reason") or "stop"), seconds
    )


@dataclass
class Events:
    """Takes the lines of a server-sent stream and keeps what the last ones say: usage, why it ended."""

    usage: Any = None
    finish: str = ""
    done: bool = False
    seen: bool = field(default=False)

    def take(self, line: str) -> str:
        """The text that a line adds (often none). Raises Retry on a broken event or an error sent as one."""
        if not line.startswith("data:") or self.done:
            return ""
        data = line[5:].strip()
        if data == "[DONE]":
            self.done = True
            return ""
        event = json_of(data.encode())
        if not isinstance(event, dict) or "error" in event:
            raise Retry("sent an error instead of an answer", "Look at the server's log.")
        self.seen = True
        self.usage = event.get("usage") or self.usage
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else {}
        if not isinstance(choice, dict):
            raise Retry("sent an event that is no chat completion", "Look at the server's log.")
        self.finish = str(choice.get("finish_reason") or self.finish)
        piece = (choice.get("delta") or {}).get("content")
        return piece if isinstance(piece, str) else ""

    def reply(self, messages: Sequence[dict[str, str]], text: str, seconds: float) -> Reply:
        """The whole. Raises Retry if the stream broke off before it said that it had ended."""
        if not (self.done or self.finish):
            raise Retry("hung up" if self.seen else "sent no answer", "Look at the server's log.")
        return _counted(self.usage, messages, text, self.finish or "stop", seconds)


def transport(error: "httpx.TransportError") -> Retry:
    """What a failed connection means, in words."""
    import httpx

    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return Retry("cannot be reached", "Is the server running, and its address right?")
    if isinstance(error, httpx.TimeoutException):
        return Retry("took too long", "Give it more time (timeout), or ask for fewer tokens.")
    return Retry("dropped the connection", "Look at the server's log.")


def refused(response: "httpx.Response", key: str) -> Retry:
    """What a 429 or a 5xx means, with the time it asks to wait."""
    after = _after(response.headers.get("retry-after", ""))
    if response.status_code == 429:
        return Retry("says there were too many requests (429)", "Ask less at a time, or later.", after)
    return Retry(f"failed ({response.status_code})", f"It says: {_said(response, key)}", after)


def denied(response: "httpx.Response", who: str, spec: Any, key: str) -> EndpointError:
    """What any other status means and what to do."""
    status = response.status_code
    if 300 <= status < 400:
        return EndpointError(
            f"{who} sends elsewhere ({status}), which is not followed because of the key: "
            "give the url it leads to."
        )
    if status in (401, 403):
        what = f"check the key in {spec.key_env}" if key else "name the environment variable with its key"
        return EndpointError(f"{who} refuses the key ({status}): {what}.")
    if status == 404:
        return EndpointError(
            f"{who} is not there (404): check the url (often it ends in /v1) and the model's name."
        )
    return EndpointError(f"{who} refuses the request ({status}): {_said(response, key)}")


def _said(response: "httpx.Response", key: str) -> str:
    """The first words of an error's body, on one line, without the key should the server repeat it."""
    import httpx

    body = b""
    try:
        for block in response.iter_bytes():
            body += block
            if len(body) > 4 * SHOWN:
                break
    except httpx.TransportError:
        pass
    text = " ".join(body.decode("utf-8", "replace").split())
    try:
        value = json.loads(text)
        inner = value.get("error", value.get("detail", value))
        text = str(inner.get("message", inner)) if isinstance(inner, dict) else str(inner)
    except (ValueError, AttributeError):
        pass
    text = text.replace(key, "***") if key else text
    return (text[:SHOWN] + ("..." if len(text) > SHOWN else "")) or "(nothing)"


def _after(value: str) -> float | None:
    """Seconds of a Retry-After header: a number, or a date."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(0.0, seconds), 1e9) if seconds == seconds else None


def _counted(usage: Any, messages: Sequence[dict[str, str]], text: str, finish: str, seconds: float) -> Reply:
    usage = usage if isinstance(usage, dict) else {}
    asked, said = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if isinstance(asked, int) and isinstance(said, int) and asked >= 0 and said >= 0:
        return Reply(text, asked, said, finish, seconds)
    letters = sum(len(message["content"]) for message in messages)
    guess = (-(-letters // LETTERS_PER_TOKEN), -(-len(text) // LETTERS_PER_TOKEN))
    return Reply(text, *guess, finish, seconds, counted=False)
