"""Tokens as somebody might alter them."""


def altered(token):
    """Return a token with one letter changed: the last but one, because the last one of base64 has bits that mean nothing."""
    return token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
