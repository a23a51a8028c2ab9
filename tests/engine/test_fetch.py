"""Fetching from the web: only public addresses, the very one that was checked, nothing larger than it may
be."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engine.data import fetch
from engine.data.fetch import checked, fetched, public
from engine.errors import ConfigError, DataError
from tests.servers import Server, serving


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"),
        *("2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::1", "not an address", ""),
    ],
)
def test_addresses_that_are_not_of_the_open_internet(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_open_internet(address: str) -> None:
    assert public(address)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://x/y", "https://", "https://a:b@x.org/", "http://x:99999/", "gopher://x"],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        checked(url, lambda host, port: ["8.8.8.8"], public)


def test_a_host_with_one_inner_address_among_public_ones_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"leads to 10\.0\.0\.5, which is not public"):
        checked("https://rebind.example/", lambda host, port: ["8.8.8.8", "10.0.0.5"], public)
    assert checked("https://fine.example/", lambda host, port: ["8.8.8.8"], public) == "8.8.8.8"
    assert fetch.addresses("2130706433", 80) == ["127.0.0.1"] and not public("127.0.0.1")


def to(server: Server, name: str = "page.example") -> tuple[str, Callable[[str, int], list[str]]]:
    """A url of a host that no resolver knows, and a resolver that sends it to the server."""
    return f"http://{name}:{urlsplit(server.url).port}", lambda host, port: ["127.0.0.1"]


def anywhere(address: str) -> bool:
    return True


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """The host's name is known to nobody, so it can't have been asked for again."""
    with serving(script=[(200, {"Content-Type": "text/markdown; charset=utf-8"}, "# A page")]) as server:
        base, resolve = to(server)
        with fetched(f"{base}/a/guide.php?x=1", resolve, anywhere) as file:
            assert file.name == "guide.md" and file.read_text() == "# A page"
        assert not file.exists()
        assert server.seen[0][1]["Host"] == base.removeprefix("http://")


def test_a_redirect_is_checked_like_any_address() -> None:
    script = [(302, {"Location": "/next"}, ""), (302, {"Location": "http://inner.example/"}, "")]
    with serving(script=script) as server:
        base, _ = to(server)
        names = {"page.example": "127.0.0.1", "inner.example": "169.254.169.254"}
        with (
            pytest.raises(ConfigError, match=r"169\.254\.169\.254, which is not public"),
            fetched(base, lambda host, port: [names[host]], lambda address: address == "127.0.0.1"),
        ):
            pass
        assert [path for path, _, _ in server.seen] == ["/", "/next"]


def test_redirects_without_end_are_cut_off() -> None:
    with serving(script=[(302, {"Location": "/again"}, "")] * 9) as server:
        base, resolve = to(server)
        with pytest.raises(DataError, match="more than 3 times"), fetched(base, resolve, anywhere):
            pass


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((404, {}, "no"), "answers 404"),
        ((200, {"Content-Type": "image/png"}, "x"), "image/png, which is not read"),
        ((200, {"Content-Type": "text/plain"}, "x" * 2000), "larger than"),
        ("drop", "cannot be fetched"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    answer: object, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MOST_BYTES", 1000)
    with serving(script=[answer]) as server:
        base, resolve = to(server)
        with pytest.raises(DataError, match=said), fetched(f"{base}/x.txt", resolve, anywhere):
            pass


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("/d.jsonl", "text/plain", "d.jsonl"),
        ("/", "text/html", "page.html"),
        ("/x.bin", "application/pdf", "x.pdf"),
    ],
)
def test_the_ending_is_that_of_the_content(path: str, kind: str, name: str) -> None:
    with serving(script=[(200, {"Content-Type": kind}, "x")]) as server:
        base, resolve = to(server)
        with fetched(base + path, resolve, anywhere) as file:
            assert isinstance(file, Path) and file.name == name
