"""The bytes of a file made into lines of text, whatever program on whatever system wrote them."""

import codecs
import re

_MANY_EMPTY = re.compile(rb"\n{3,}")
_UTF_16 = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_SAMPLE = 4096
_SAMPLE_LEAST = 4
_CHARSET = re.compile(
    r"(?:us-)?ascii|utf-?8|utf-?16(?:le|be)?|(?:iso[-_]?8859|latin|windows|cp|mac|koi8|euc|gb|big5|shift|s?jis|ks_c|iso-2022)[-_a-z0-9]*",
    re.IGNORECASE,
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def clean(data: bytes) -> bytes:
    r"""Return a file as UTF-8 (or whatever one byte a letter it was in), without NUL and byte order mark, its lines ended by \n."""
    for mark, encoding in _UTF_16:
        if data.startswith(mark):
            data = data[len(mark) :].decode(encoding, "replace").encode("utf-8", "replace")
            break
    else:
        silent = _silent_half(data[:_SAMPLE])
        if silent is not None:
            data = data.decode(silent, "replace").encode("utf-8", "replace")
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\0" in data:
        data = data.replace(b"\0", b"")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return _MANY_EMPTY.sub(b"\n\n", data)


def _silent_half(sample: bytes) -> str | None:
    """Return the encoding of two bytes a letter that a text without a mark is in: every other byte is NUL, then."""
    half = len(sample) // 2
    if half < _SAMPLE_LEAST:
        return None
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if sample[first::2].count(0) > half * 0.7 and sample[1 - first :: 2].count(0) < half * 0.1:
            return encoding
    return None


def text(line: bytes, charset: str = "") -> str:
    """Return a line as text: in the charset it names, else UTF-8, else Western European. Never fails."""
    if charset and _CHARSET.fullmatch(charset):
        try:
            return line.decode(charset)
        except (LookupError, UnicodeError):
            pass
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def is_text(data: bytes) -> bool:
    """Whether the beginning of a clean file reads like text at all."""
    sample = data[:_SAMPLE]
    return len(_CONTROLS.findall(sample)) * 20 <= len(sample)
