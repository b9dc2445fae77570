"""Whose address it is: what a provider is asked at, and that no link leads elsewhere."""

from urllib.parse import SplitResult, urlsplit

from webapp.config import is_loopback
from webapp.providers.base import ProviderError

_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> str:
    """Return scheme, host and port of a configured address; ProviderError (broken) unless it is https, or http on loopback."""
    parts = _split(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ProviderError("broken", "an address without https is allowed on loopback only")
    return f"{parts.scheme}://{parts.netloc}"


def same_origin(base: str, url: str) -> str:
    """Return a link that a provider gave, put together anew on the configured base; ProviderError (broken) if it leads elsewhere.

    Called before the key is attached: the link may name any host.
    """
    mine, link = _split(base), _split(url)
    if (mine.scheme, mine.hostname, _port(mine)) != (link.scheme, link.hostname, _port(link)):
        raise ProviderError("broken", "the link to the next page leads to another host")
    return f"{origin(base)}{link.path or '/'}" + (f"?{link.query}" if link.query else "")


def _split(url: str) -> SplitResult:
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ProviderError("broken", "an address with characters that no address has")
    try:
        parts = urlsplit(url)
        _port(parts)
    except ValueError:
        raise ProviderError("broken", "an address that cannot be read") from None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        raise ProviderError("broken", "an address that is not plain http")
    return parts


def _port(parts: SplitResult) -> int | None:
    return parts.port or _PORTS.get(parts.scheme)
