"""The accent: from one colour all that pages need of it, in light and dark, with the contrast that text needs (WCAG 2.2, 1.4.3)."""

import colorsys
import re
from dataclasses import dataclass

NAMED = ("pine", "ocean", "plum", "slate")
TEXT = 4.5
"""What the contrast of text is at least."""
EASY = 7.0
"""What it is on dark pages, where a colour of one's own is made as light as that."""
# The pages' own colours, as in kith.css: page, panel, menu, text and quieter text.
LIGHT = ("#f7f8f6", "#ffffff", "#ffffff", "#14201b", "#47554e")
DARK = ("#0f1412", "#161c19", "#1e2622", "#e9eeeb", "#b3beb8")
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_STEPS = 200
_LINEAR_TO = 0.04045

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Accent:
    """The four colours of one theme: links and buttons, the same pressed, text on them, and what stands behind what was chosen."""

    accent: str
    up: str
    on: str
    tint: str


def is_own(accent: str) -> bool:
    """Whether an accent is a colour, and none of the named ones."""
    return _COLOUR.fullmatch(accent) is not None


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def readable(accent: str) -> str:
    """Return the nearest colour of this hue that can be read on light pages; the same one where it can be."""
    if _reads(accent, LIGHT):
        return accent
    for step in range(_STEPS):
        shade = _lightness(accent, 1 - (step + 1) / _STEPS)
        if _reads(shade, LIGHT):
            return shade
    return "#000000"


def worst(accent: str) -> float:
    """Return the least contrast a colour has on light pages."""
    return min(contrast(accent, below) for below in LIGHT[:3])


def light(accent: str) -> Accent:
    """Return the colours of light pages for one that can be read there."""
    return Accent(accent, _mix(accent, "#000000", 0.22), "#ffffff", _tint(accent, "#ffffff", 0.1, LIGHT))


def dark(accent: str) -> Accent:
    """Return the colours of dark pages: the same hue, as light as it takes."""
    shade = accent
    for step in range(_STEPS + 1):
        shade = _mix(accent, "#ffffff", step / _STEPS)
        if all(contrast(shade, below) >= EASY for below in DARK[:2]) and contrast(shade, DARK[2]) >= TEXT:
            break
    return Accent(shade, _mix(shade, "#ffffff", 0.3), _mix("#000000", shade, 0.12), _tint(shade, DARK[1], 0.14, DARK))


def _tint(accent: str, below: str, most: float, theme: tuple[str, ...]) -> str:
    """Return a colour between the two, as near to the accent as text on it allows."""
    for step in range(_STEPS + 1):
        tint = _mix(below, accent, most * (1 - step / _STEPS))
        if all(contrast(text, tint) >= TEXT for text in (accent, *theme[3:])):
            return tint
    return below


def _reads(accent: str, theme: tuple[str, ...]) -> bool:
    return all(contrast(accent, below) >= TEXT for below in theme[:3])


def _rgb(colour: str) -> Rgb:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hex(rgb: Rgb) -> str:
    return "#" + "".join(f"{round(min(max(part, 0), 1) * 255):02x}" for part in rgb)


def _luminance(colour: str) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= _LINEAR_TO else float(((part + 0.055) / 1.055) ** 2.4)

    red, green, blue = map(linear, _rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _lightness(colour: str, share: float) -> str:
    hue, light_, saturation = colorsys.rgb_to_hls(*_rgb(colour))
    return _hex(colorsys.hls_to_rgb(hue, light_ * share, saturation))


def _mix(colour: str, other: str, share: float) -> str:
    red, green, blue = (a + (b - a) * share for a, b in zip(_rgb(colour), _rgb(other), strict=True))
    return _hex((red, green, blue))
