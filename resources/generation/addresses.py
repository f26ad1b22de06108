"""The addresses of endpoints: whether one is an address at all, and what of it is called.

Contract: pure. No message holds more of an address than its reader wrote.
"""

from __future__ import annotations

from urllib.parse import urlsplit


def is_http_address(url: str) -> bool:
    """Whether a URL is http or https and names a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def base_of(url: str) -> str:
    """The address under which `/chat/completions` and `/models` lie."""
    return url.strip().rstrip("/").removesuffix("/chat/completions")
