"""From where a request comes, as far as limits need to know."""

from ipaddress import ip_address, ip_network

from flask import request

IPV6_PREFIX = 64


def network() -> str:
    """Return the network of the request: the IPv4 address, or the /64 of an IPv6 address, which one household shares."""
    try:
        address = ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return "unknown"
    mapped = getattr(address, "ipv4_mapped", None) or address
    if mapped.version == 4:  # noqa: PLR2004 - the version's own number
        return str(mapped)
    return str(ip_network((mapped, IPV6_PREFIX), strict=False))


_BROWSERS = (("Edge", "Edg"), ("Opera", "OPR/"), ("Firefox", "Firefox/"), ("Chrome", "Chrome/"), ("Safari", "Safari/"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac", "Mac OS"),
    ("Linux", "Linux"),
)


def browser() -> str:
    """Return browser and system in a few words ("Firefox on Linux"), for the member's own list of sign-ins."""
    text = request.headers.get("User-Agent", "")
    name = next((name for name, mark in _BROWSERS if mark in text), "A browser")
    system = next((name for name, mark in _SYSTEMS if mark in text), "")
    return f"{name} on {system}" if system else name
