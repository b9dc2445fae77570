"""What our cookies are called and how they are kept, where the site speaks https."""

from webapp.config import setting


def is_secure() -> bool:
    """Whether members come over https, so that no cookie may travel without it."""
    return str(setting("BASE_URL")).startswith("https://")


def called(name: str, path: str = "/") -> str:
    """Return a cookie's name with the prefix by which a browser takes it over https only, and, at every path, from no other host."""
    if not is_secure():
        return name
    return f"__Host-{name}" if path == "/" else f"__Secure-{name}"
