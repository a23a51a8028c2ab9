"""A teacher: a large model behind an OpenAI-compatible server that is asked many things, never twice the
same, never past what it may cost.

Answers are kept as they come (caching.py), so that a run that was stopped or killed goes on where it was:
what was answered is not paid again. Knows no prompts.
"""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from engine.data.caching import Cache, key_of
from engine.data.structured import parse
from engine.endpoint import Endpoint, EndpointSpec
from engine.errors import EndpointError
from engine.progress import Progress, Report, silent
from engine.wire import LETTERS_PER_TOKEN, Reply

MILLION = 1_000_000
# options that some servers do not take, by what their refusal says: any other refusal may mean the schema
REFUSES = "refuses the request"  # as engine.wire puts it
REFUSED = {"max_tokens": "max_completion_tokens", "temperature": "temperature", "response_format": ""}
# settings that change how it is asked and paid, not what it says
PAYING = set("key_env timeout connect_timeout retries backoff price_in price_out concurrency".split())


class TeacherSpec(EndpointSpec):
    """A server and what it may cost."""

    price_in: float = Field(0.0, ge=0, le=10_000, description="price of a million tokens asked, in dollars")
    price_out: float = Field(
        0.0, ge=0, le=10_000, description="price of a million tokens answered, in dollars"
    )
    most_tokens: int = Field(
        0, ge=0, description="stop before this many tokens, asked and answered; 0: no cap"
    )
    most_cost: float = Field(0.0, ge=0, description="stop before this cost, in dollars; 0: no cap")
    concurrency: int = Field(4, ge=1, le=64, description="requests at the same time")
    repairs: int = Field(1, ge=0, le=5, description="times to ask again for JSON that does not fit")
    thinking: int = Field(
        0,
        ge=0,
        le=100_000,
        description="tokens for a model that thinks before it answers, on top of those of each answer; 0: "
        "it does not think",
    )


@dataclass(frozen=True)
class Request:
    """One thing to ask. With a `schema` the answer is to be JSON that fits it; servers refuse that of an
    object whose properties are not all required, or with lengths. Equal requests get one answer; `sample`
    tells those apart that are meant to be asked again."""

    messages: tuple[tuple[str, str], ...]
    max_tokens: int = 256
    temperature: float = 0.0
    schema: dict[str, Any] | None = field(default=None, hash=False)
    sample: int = 0


class Answer(NamedTuple):
    """`place` is the request's position; `value` its JSON where a schema was given; `wrong` why there is
    none."""

    place: int
    text: str
    value: Any = None
    wrong: str = ""
    cached: bool = False


class Estimate(NamedTuple):
    """What asking will take at most: calls that are not in the cache, tokens, dollars."""

    calls: int
    cached: int
    tokens: int
    cost: float

    def line(self) -> str:
        """One line for a screen."""
        size = f"{self.tokens:,} tokens, ${self.cost:.4f}"
        return f"at most {self.calls} calls, {self.cached} in the cache, {size}"


@dataclass
class Spent:
    """What was paid for so far. `stopped` says which cap was reached, if one was."""

    calls: int = 0
    cached: int = 0
    repaired: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    stopped: str = ""

    def line(self) -> str:
        """One line for a screen."""
        tokens = self.prompt_tokens + self.completion_tokens
        return f"{self.calls} calls, {self.cached} from the cache, {tokens:,} tokens, ${self.cost:.4f}"


class _Capped(Exception):
    """A cap would be passed by the next call."""


class Teacher:
    """Asks requests of one server. `spent` is kept up to date while it does."""

    def __init__(self, spec: TeacherSpec, cache: Path | None, endpoint: Endpoint | None = None) -> None:
        self.spec = spec
        self.cache = Cache(cache)
        self.endpoint = endpoint or Endpoint(
            EndpointSpec(**spec.model_dump(include=set(EndpointSpec.model_fields)))
        )
        self.spent = Spent()
        self._lock = threading.Lock()
        self._held = [0, 0.0]  # tokens and dollars that calls under way may take
        self._refused: set[str] = set()  # options that the server does not take

    def estimate(self, requests: Sequence[Request]) -> Estimate:
        """What `ask` would take, before anything is asked; repairs not counted."""
        new = [request for request in dict.fromkeys(requests) if self.cache.get(self._key(request)) is None]
        sizes = [(_letters(request) // LETTERS_PER_TOKEN + 1, self._most(request)) for request in new]
        cost = sum(self._price(asked, said) for asked, said in sizes)
        return Estimate(len(new), len(requests) - len(new), sum(map(sum, sizes)), cost)

    def ask(
        self, requests: Sequence[Request], report: Report = silent, stage: str = "teacher"
    ) -> Iterator[Answer]:
        """Yield answers as they come, in any order. A cap ends it early and cleanly (`spent.stopped`); a
        server that fails for good raises EndpointError, after what is under way has been kept."""
        places: dict[Request, list[int]] = {}
        for place, request in enumerate(requests):
            places.setdefault(request, []).append(place)
        waiting = iter(places)
        running: dict[Future[Answer], Request] = {}
        done = 0
        report(Progress(stage, 0, len(requests), "requests", self.spent.line()))
        pool = ThreadPoolExecutor(self.spec.concurrency, thread_name_prefix="teacher")
        try:
            while True:
                while len(running) < self.spec.concurrency and not self.spent.stopped:
                    if (following := next(waiting, None)) is None:
                        break
                    running[pool.submit(self._answered, 0, following)] = following
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    same = places[running.pop(future)]
                    try:
                        answer = future.result()
                    except _Capped as error:
                        self.spent.stopped = self.spent.stopped or str(error)
                        continue
                    except EndpointError as error:
                        if not self.spent.calls or self.cache.folder is None:
                            raise
                        kept = f"{self.spent.calls} answers are kept: run it again, they are not paid twice."
                        raise type(error)(f"{error} {kept}") from error
                    done += len(same)
                    report(Progress(stage, done, len(requests), "requests", self.spent.line()))
                    yield from (answer._replace(place=place) for place in same)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)  # what is under way is paid for: it is kept

    def _answered(self, place: int, request: Request) -> Answer:
        messages = [{"role": role, "content": content} for role, content in request.messages]
        first = True
        wrong = ""
        text = ""
        for _ in range(self.spec.repairs + 1 if request.schema else 1):
            try:
                reply, cached = self._said(request, messages)
            except EndpointError as error:
                if REFUSES not in str(error) or not (self.spent.calls or self.spent.cached):
                    raise
                wrong = str(error)  # this request's own fault: others were answered
                break
            text = reply.text
            if request.schema is None:
                return Answer(place, text, cached=cached)
            value, wrong = parse(text, request.schema)
            if not wrong:
                with self._lock:
                    self.spent.repaired += not first
                return Answer(place, text, value, cached=cached)
            ask = f"That can't be used: {wrong}. Answer again with the JSON object only."
            messages = [*messages, {"role": "assistant", "content": text}, {"role": "user", "content": ask}]
            first = False
        with self._lock:
            self.spent.failed += 1
        return Answer(place, text, None, wrong)

    def _said(self, request: Request, messages: list[dict[str, str]]) -> tuple[Reply, bool]:
        asked = self._asked(request, messages)
        key = key_of(asked)
        if (kept := self.cache.get(key)) is not None:
            with self._lock:
                self.spent.cached += 1
            return kept, True
        size = sum(len(message["content"]) for message in messages) // LETTERS_PER_TOKEN + 1
        most = self._most(request)
        hold = (size + most, self._price(size, most))
        self._reserve(*hold)
        try:
            reply = self._called(request, messages)
            self.cache.put(key, reply, asked)
        finally:
            with self._lock:
                self._held = [self._held[0] - hold[0], self._held[1] - hold[1]]
        with self._lock:
            self.spent.calls += 1
            self.spent.prompt_tokens += reply.prompt_tokens
            self.spent.completion_tokens += reply.completion_tokens
            self.spent.cost += self._price(reply.prompt_tokens, reply.completion_tokens)
        return reply, False

    def _called(self, request: Request, messages: list[dict[str, str]]) -> Reply:
        """Ask; an option that the server refuses is left out, or put as it wants it, and from then on too if
        that was what helped."""
        refused = set(self._refused)
        while True:
            options = self._options(request, refused)
            try:
                reply = self.endpoint.chat(messages, **options)
            except EndpointError as error:
                named = [name for name in REFUSED if name in options and REFUSED[name] in str(error)]
                if REFUSES not in str(error) or not named:
                    raise
                refused.add(named[0])
            else:
                self._refused |= refused
                return reply

    def _options(self, request: Request, refused: set[str]) -> dict[str, Any]:
        options: dict[str, Any] = {"max_tokens": self._most(request), "temperature": request.temperature}
        if request.schema is not None:  # many servers know no schema: the prompt asks for JSON anyway
            schema = request.schema | {"additionalProperties": False}  # else "strict" is refused
            shape = {"name": "answer", "schema": schema, "strict": True}
            options["response_format"] = {"type": "json_schema", "json_schema": shape}
        kept = {name: value for name, value in options.items() if name not in refused}
        if "max_tokens" in refused:
            kept["max_completion_tokens"] = options["max_tokens"]
        return kept

    def _most(self, request: Request) -> int:
        return request.max_tokens + self.spec.thinking

    def _reserve(self, tokens: int, cost: float) -> None:
        """Hold what a call may take. Raises _Capped if that could pass a cap."""
        with self._lock:
            used = self.spent.prompt_tokens + self.spent.completion_tokens + self._held[0] + tokens
            if self.spec.most_tokens and used > self.spec.most_tokens:
                raise _Capped(f"the cap of {self.spec.most_tokens:,} tokens is reached")
            if self.spec.most_cost and self.spent.cost + self._held[1] + cost > self.spec.most_cost:
                raise _Capped(f"the cap of ${self.spec.most_cost:g} is reached")
            self._held = [self._held[0] + tokens, self._held[1] + cost]

    def _asked(self, request: Request, messages: list[dict[str, str]]) -> dict[str, Any]:
        return {
            "model": self.spec.model,
            "server": self.spec.base_url,
            "messages": messages,
            "max_tokens": self._most(request),
            "temperature": request.temperature,
            "schema": request.schema,
            "sample": request.sample,
        }

    def _key(self, request: Request) -> str:
        messages = [{"role": role, "content": content} for role, content in request.messages]
        return key_of(self._asked(request, messages))

    def _price(self, asked: int, said: int) -> float:
        return (asked * self.spec.price_in + said * self.spec.price_out) / MILLION


def chat(system: str, user: str) -> tuple[tuple[str, str], ...]:
    """The messages of a Request: what to do, and what to do it to."""
    return (("system", system), ("user", user))


def _letters(request: Request) -> int:
    return sum(len(content) for _, content in request.messages)
