"""One web page or file, fetched from a public address into a temporary file.

Against requests that a person's machine should not make (to itself, its network, a cloud's metadata): the
host is resolved once, every address it has must be public, and the connection goes to the very address that
was checked. A redirect is checked in the same way. Knows no format but the ending a content type stands for.
"""

import ipaddress
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from engine.errors import ConfigError, DataError

if TYPE_CHECKING:
    import httpx

MOST_BYTES = 50_000_000
SECONDS = 60.0
REDIRECTS = 3
ENDINGS = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/zip": ".zip",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}
_VAGUE = ("", "text/plain", "application/octet-stream", "binary/octet-stream")
_MAPPED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
Resolve = Callable[[str, int], list[str]]


@contextmanager
def fetched(
    url: str, resolve: Resolve | None = None, allowed: Callable[[str], bool] | None = None
) -> Iterator[Path]:
    """A file with what is at `url`, its ending right for its content, gone when the block ends. Raises
    ConfigError for an address that is not public, DataError for one that can't be read. `resolve` and
    `allowed` are for tests."""
    with tempfile.TemporaryDirectory(prefix="bantam-") as scratch:
        until = time.monotonic() + SECONDS
        for _ in range(REDIRECTS + 1):
            address = checked(url, resolve or addresses, allowed or public)
            found = _get(url, address, Path(scratch), until)
            if isinstance(found, Path):
                yield found
                return
            url = urljoin(url, found)
        raise DataError(
            f"{url} sends from one address to the next more than {REDIRECTS} times: give the last one."
        )


def checked(url: str, resolve: Resolve, allowed: Callable[[str], bool]) -> str:
    """The one address to connect to for `url`. Raises ConfigError unless all its addresses are allowed."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise ConfigError(f"{url!r} is no web address: {error}.") from None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        raise ConfigError(f"{url!r} cannot be fetched: give an address such as https://example.org/page.")
    try:
        found = resolve(host, port)
    except OSError:
        raise DataError(f"The host {host!r} cannot be found: check the address and the network.") from None
    inner = [address for address in found if not allowed(address)]
    if inner or not found:
        raise ConfigError(
            f"{host} leads to {inner[0] if inner else 'no address'}, which is not public: only public "
            "addresses are fetched. Download it yourself and import the file."
        )
    return found[0]


def addresses(host: str, port: int) -> list[str]:
    """Every address of a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).split("%")[0] for entry in found))


def public(address: str) -> bool:
    """Whether an address is one of the open internet: not this machine, a private network, a cloud's
    metadata, or an IPv6 form of one of these."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is not None:
            return public(str(inner))
        if any(found in network for network in _MAPPED):
            return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def _get(url: str, address: str, scratch: Path, until: float) -> Path | str:
    """The file, or where a redirect leads."""
    import httpx

    parts = urlsplit(url)
    at = f"[{address}]" if ":" in address else address
    pinned = httpx.URL(url).copy_with(host=at.strip("[]"))
    host = parts.netloc.rpartition("@")[2]
    timeout = httpx.Timeout(20.0)
    try:
        with (
            httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "GET",
                pinned,
                headers={"Host": host, "User-Agent": "bantam", "Accept-Encoding": "identity"},
                extensions={"sni_hostname": parts.hostname},
            ) as response,
        ):
            if response.is_redirect:
                return str(response.headers.get("location", ""))
            if response.status_code != 200:
                raise DataError(
                    f"{url} answers {response.status_code}: open it in a browser and check the address."
                )
            return _kept(url, response, scratch, until)
    except httpx.HTTPError as error:
        said = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(
            f"{url} cannot be fetched ({said}): try again, or download it and import the file."
        ) from None


def _kept(url: str, response: "httpx.Response", scratch: Path, until: float) -> Path:
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    path = urlsplit(url).path
    ending = ENDINGS.get(kind, "")
    own = Path(path).suffix.lower()
    if kind in _VAGUE and own in {*ENDINGS.values(), ".jsonl", ".tsv"}:
        ending = own
    if not ending:
        raise DataError(
            f"{url} is {kind or 'of an unknown kind'}, which is not read: give a page, PDF, text or table."
        )
    name = (
        "".join(letter if letter.isalnum() else "-" for letter in Path(path).stem)[:60].strip("-") or "page"
    )
    place = scratch / f"{name}{ending}"
    with place.open("wb") as file:
        for block in response.iter_bytes():
            file.write(block)
            if file.tell() > MOST_BYTES:
                raise DataError(f"{url} is larger than {MOST_BYTES / 1e6:.0f} MB: download it and split it.")
            if time.monotonic() > until:
                raise DataError(
                    f"{url} takes longer than {SECONDS:.0f} seconds: download it and import the file."
                )
    return place
