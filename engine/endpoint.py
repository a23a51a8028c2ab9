"""A client of OpenAI-compatible servers (vLLM, llama.cpp, `transformers serve`, hosted ones): chat
completions, whole or streamed, with retries.

The key comes from an environment variable when a call is made and goes into one header and nowhere else: not
into specs, manifests, messages or logs. Knows no prompts and no caps; engine/data/teacher.py counts and pays.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from engine import urls, wire
from engine.errors import ConfigError, EndpointError, SilentError
from engine.wire import Reply, Retry

if TYPE_CHECKING:
    import httpx

Messages = list[dict[str, str]]
RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
MAX_BYTES = 16_000_000
LONGEST_WAIT = 120.0


class EndpointSpec(BaseModel):
    """Where a server is, which of its models to ask, how patiently. Holds the name of the key's variable, not
    the key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = Field(description="the server, with its version: http://127.0.0.1:8000/v1")
    model: str = Field(min_length=1, max_length=300, description="the model's name as the server knows it")
    key_env: str = Field(
        "", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$|^$", description="environment variable that holds the key"
    )
    timeout: float = Field(60.0, gt=0, le=3600, description="longest time for one whole answer, in seconds")
    connect_timeout: float = Field(10.0, gt=0, le=600, description="longest time to connect, in seconds")
    retries: int = Field(4, ge=0, le=20, description="tries after the first one that failed")
    backoff: float = Field(0.5, gt=0, le=60, description="first wait between tries, in seconds; it doubles")

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        return urls.checked_url(value)


@dataclass
class Endpoint:
    """One server. Thread-safe; `close` it or use it in a `with`. The clock is an argument for tests."""

    spec: EndpointSpec
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._client: httpx.Client | None = None
        self._rng = random.Random()
        if self.spec.key_env:
            urls.check_private(self.spec.base_url, self.key())

    def __enter__(self) -> "Endpoint":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def key(self) -> str:
        """The key, read now. Raises ConfigError if its variable is named but not set."""
        if not self.spec.key_env:
            return ""
        found = os.environ.get(self.spec.key_env, "").strip()
        if not found:
            raise ConfigError(
                f"The key for {self.spec.base_url} is missing: put it into the environment variable "
                f"{self.spec.key_env}, or leave the key's variable empty for a server without one."
            )
        if not found.isascii() or not found.isprintable():
            raise ConfigError(
                f"The key in {self.spec.key_env} holds characters that no key has: copy it again."
            )
        return found

    def models(self) -> list[str]:
        """The names of the models the server offers (GET /models). Raises EndpointError."""
        found = self._patiently(lambda: self._whole("GET", "/models", None))
        rows = found.get("data") if isinstance(found, dict) else None
        return [str(row["id"]) for row in rows or [] if isinstance(row, dict) and "id" in row]

    def chat(self, messages: Messages, **options: Any) -> Reply:
        """One whole answer. `options` go into the request as they are (max_tokens, temperature, seed,
        response_format ...). Raises EndpointError when the server can't be reached, refuses or answers
        nonsense, after the retries."""
        body = {"model": self.spec.model, "messages": messages, **options}
        begun = self.now()

        def once() -> Reply:
            return wire.reply_of(self._whole("POST", "/chat/completions", body), messages, self.now() - begun)

        reply: Reply = self._patiently(once)
        return reply

    def stream(self, messages: Messages, **options: Any) -> Iterator[str | Reply]:
        """Pieces of the answer as they come, then the whole Reply. Tries again only while nothing has come:
        what is on a screen is not taken back. Closing the generator hangs up."""
        body = {"model": self.spec.model, "messages": messages, "stream": True, **options}
        begun = self.now()
        pieces: list[str] = []
        for attempt in range(self.spec.retries + 1):
            try:
                with self._sent("POST", "/chat/completions", body) as response:
                    events = wire.Events()
                    for line in wire.lines(response, begun + self.spec.timeout, self.now, MAX_BYTES):
                        if piece := events.take(line):
                            pieces.append(piece)
                            yield piece
                    yield events.reply(messages, "".join(pieces), self.now() - begun)
                    return
            except Retry as error:
                if pieces:
                    raise EndpointError(
                        f"{self._who()} stopped in the middle of its answer ({error}): ask again."
                    ) from None
                self._wait(attempt, error)

    def _patiently(self, once: Callable[[], Any]) -> Any:
        for attempt in range(self.spec.retries + 1):
            try:
                return once()
            except Retry as error:
                self._wait(attempt, error)
        raise AssertionError("the last attempt raises")

    def _wait(self, attempt: int, error: Retry) -> None:
        """Sleep before the next try; after the last one raise EndpointError. A server that names a time
        (Retry-After) is given it."""
        if attempt >= self.spec.retries:
            tries = f"{attempt + 1} tries" if attempt else "1 try"
            raise SilentError(f"{self._who()} {error} ({tries}). {error.advice}") from None
        if error.after is not None and error.after > LONGEST_WAIT:
            raise SilentError(
                f"{self._who()} {error} and asks to wait {error.after:.0f} seconds: go on later."
            ) from None
        most = min(self.spec.backoff * 2**attempt, 30.0)
        self.sleep(error.after if error.after is not None else most * (0.5 + self._rng.random() / 2))

    def _whole(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        deadline = self.now() + self.spec.timeout
        with self._sent(method, path, body) as response:
            return wire.json_of(b"".join(wire.blocks(response, deadline, self.now, MAX_BYTES)))

    @contextmanager
    def _sent(self, method: str, path: str, body: dict[str, Any] | None) -> "Iterator[httpx.Response]":
        """The response to one request, status checked. Raises Retry for what may pass, EndpointError for what
        will not. A redirect is not followed: it could carry the key elsewhere."""
        import httpx

        key = self.key()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        request = self._opened().build_request(method, self.spec.base_url + path, json=body, headers=headers)
        try:
            response = self._opened().send(request, stream=True)
        except httpx.TransportError as error:
            raise wire.transport(error) from None
        try:
            if response.status_code in RETRIED:
                raise wire.refused(response, key)
            if response.status_code != 200:
                raise wire.denied(response, self._who(), self.spec, key)
            yield response
        except httpx.TransportError as error:
            raise wire.transport(error) from None
        finally:
            response.close()

    def _opened(self) -> "httpx.Client":
        import httpx

        if self._client is None:
            local = urls.is_local(self.spec.base_url)
            self._client = httpx.Client(
                timeout=httpx.Timeout(self.spec.timeout, connect=self.spec.connect_timeout),
                follow_redirects=False,
                trust_env=not local,  # a proxy can't reach this machine's own servers
                headers={"User-Agent": "bantam"},
                limits=httpx.Limits(max_connections=64),
            )
        return self._client

    def _who(self) -> str:
        return f"{self.spec.model} at {self.spec.base_url}"
