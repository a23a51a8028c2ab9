"""Addresses of model servers: which are none, which name this machine, and over which a key may travel.

Asks no server.
"""

import ipaddress
from urllib.parse import urlsplit

from engine.errors import ConfigError

LAN = (".local", ".lan", ".internal", ".home.arpa")


def checked_url(value: str) -> str:
    """`value` without a slash at its end. Raises ValueError unless it is http(s) with a host and carries no
    password, query or fragment."""
    value = value.strip().rstrip("/")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"no url ({error})") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("give a url such as http://127.0.0.1:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "a url must hold no name, password or query: the key belongs in an environment variable"
        )
    return value


def is_local(url: str) -> bool:
    """Whether the url names this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def check_private(url: str, key: str) -> None:
    """Raise ConfigError if `key` would travel unencrypted over the open network."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not key or parts.scheme == "https" or is_local(url) or "." not in host.strip("."):
        return
    try:
        near = ipaddress.ip_address(host).is_private
    except ValueError:
        near = host.endswith(LAN)
    if not near:
        raise ConfigError(f"{url} would get the key unencrypted: use https, or a server of your own network.")
