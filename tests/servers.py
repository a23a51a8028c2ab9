"""A tiny OpenAI-compatible server of the tests' own, on a free port of this machine, that can misbehave;
and a real one (`transformers serve`).

`script` is a queue of what it does next, one entry a request; when it is empty it answers well.
"""

import json
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

Answer = Callable[[dict[str, Any]], str]


@dataclass
class Server:
    """`seen` holds (path, headers, body) of each request; `answer` makes a text of a body. Entries of
    `script`: a status, (status, headers, body), "drop" (hang up at once), "cut" (half a body), "prose" (no
    JSON), "odd" (JSON that is no completion), "hang" (no answer until the server stops), "silent" (no
    usage), "break" (a stream that hangs up in its middle). With an `upstream` it stands before a real server,
    whose whole answers it gives in place of its own; `answered` holds the bodies that got a well one."""

    answer: Answer = lambda body: "Paris [1]"
    script: deque[Any] = field(default_factory=deque)
    seen: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""
    upstream: str = ""
    answered: list[dict[str, Any]] = field(default_factory=list)
    running: int = 0
    most_running: int = 0


@contextmanager
def serving(
    answer: Answer | None = None, script: list[Any] | None = None, upstream: str = ""
) -> Iterator[Server]:
    """A server that runs until the block ends."""
    server = Server(script=deque(script or []), upstream=upstream)
    if answer:
        server.answer = answer
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        http.shutdown()
        http.server_close()
        thread.join(10)


@contextmanager
def real_server(folder: Path, log: Path) -> Iterator[str]:
    """`transformers serve` of the model in `folder` on the CPU, ready; gives its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    main = "from transformers.cli.transformers import main; main()"
    command = [sys.executable, "-c", main, "serve", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--device", "cpu", str(folder)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            _until_healthy(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait(30)


def _until_healthy(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 600  # a few seconds on a quiet machine
    while True:
        assert process.poll() is None and time.monotonic() < until, log.read_text()[-2000:]
        try:
            if httpx.get(url, timeout=5, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.5)


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.take({})

        def do_POST(self) -> None:
            self.take(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def take(self, body: dict[str, Any]) -> None:
            with server.lock:
                server.seen.append((self.path, dict(self.headers), body))
                act = server.script.popleft() if server.script else "well"
                server.running += 1
                server.most_running = max(server.most_running, server.running)
            try:
                with suppress(ConnectionError):
                    self.act(act, body)
            finally:
                with server.lock:
                    server.running -= 1

        def act(self, act: Any, body: dict[str, Any]) -> None:
            if isinstance(act, int):
                act = (act, {}, json.dumps({"error": {"message": f"planned {act}"}}))
            if isinstance(act, tuple):
                self.send(*act)
            elif act == "drop":
                self.close_connection = True
            elif act == "hang":
                server.stopped.wait(60)
            elif self.path.endswith("/models"):
                self.send(200, {}, json.dumps({"data": [{"id": "tiny"}, {"id": "large"}]}))
            elif body.get("stream"):
                self.events(act, server.answer(body))
            else:
                said = self.relayed(body) if server.upstream else self.made(server.answer(body))
                if act == "well":
                    with server.lock:
                        server.answered.append(body)
                self.whole(act, said)

        def made(self, text: str) -> dict[str, Any]:
            return {
                "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 20, "completion_tokens": 4},
            }

        def relayed(self, body: dict[str, Any]) -> dict[str, Any]:
            place = server.upstream + self.path.removeprefix("/v1")
            reply = httpx.post(place, json=body, timeout=120, trust_env=False)
            assert reply.status_code == 200, reply.text
            return dict(reply.json())

        def whole(self, act: str, value: dict[str, Any]) -> None:
            if act == "silent":
                del value["usage"]
            said = {"prose": "<html>Bad gateway</html>", "odd": '{"choices": []}'}.get(act, json.dumps(value))
            if act == "cut":
                self.send(200, {"Content-Length": str(len(said))}, said[: len(said) // 2])
                self.close_connection = True
            else:
                self.send(200, {}, said)

        def events(self, act: str, text: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            pieces = [text[:3], text[3:]]
            for piece in pieces[:1] if act == "break" else pieces:
                self.event({"choices": [{"delta": {"content": piece}, "finish_reason": None}]})
            if act != "break":
                self.event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
                self.event({"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 4}})
                self.wfile.write(b"data: [DONE]\n\n")
            self.close_connection = True

        def event(self, value: dict[str, Any]) -> None:
            self.wfile.write(f": ping\ndata: {json.dumps(value)}\r\n\r\n".encode())
            self.wfile.flush()

        def send(self, status: int, headers: dict[str, str], body: str) -> None:
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body.encode()))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

    return Handler
