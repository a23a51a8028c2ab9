"""A model hub of a few lines on 127.0.0.1, for tests: a GET or HEAD of /owner/name/resolve/main/FILE.

`models` maps "owner/name" to a folder to serve, to an HTTP status to answer, or to SILENT: no answer yet.
Knows nothing of uploads or large files.
"""

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "c0ffee" * 6 + "c0ff"
SILENT, SILENT_SECONDS = 0, 3.0
CODES = {401: "RepoNotFound", 403: "GatedRepo", 404: "RepoNotFound"}


@contextmanager
def serving(models: Mapping[str, Path | int], asked: list[str] | None = None) -> Iterator[str]:
    """Serve `models` while the block runs, at the address given to it. `asked` collects the paths."""

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            if asked is not None:
                asked.append(self.path)
            parts = self.path.split("?")[0].strip("/").removeprefix("api/models/").split("/")
            found = models.get("/".join(parts[:2]), 404)
            if found == SILENT:
                time.sleep(SILENT_SECONDS)
                found = 504
            if isinstance(found, int):
                self.reply(found, {"X-Error-Code": CODES[found]} if found in CODES else {}, b"")
                return
            file = found.joinpath(*parts[4:]) if parts[2:3] == ["resolve"] else found / "nothing"
            if not file.is_file():
                self.reply(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, b"")
                return
            content = file.read_bytes()
            headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
            self.reply(200, headers, content, body)

        def reply(self, status: int, headers: dict[str, str], content: bytes, body: bool = True) -> None:
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
