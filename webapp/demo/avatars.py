"""Drawn portraits for the sample community: nobody's face, the same one for the same seed."""

import io
import random

from PIL import Image, ImageDraw

PIXELS = 256
_SCALE = 2  # drawn larger and scaled down, for smooth edges
_SKINS = ("#f6d7bd", "#eec3a0", "#d9a57c", "#b98259", "#8f5e3d", "#6a432c")
_HAIRS = ("#1f1a17", "#3b2a20", "#6b4a2f", "#a8743c", "#c9a25f", "#8d8d8d", "#d8d5cf", "#7a2e1f")
_CLOTHES = ("#2f5d50", "#7a3b46", "#31496e", "#8a6d3b", "#4a4a57", "#5b7553", "#7d5a7a", "#b4663f")
_WALLS = ("#dfe9e3", "#e7e2f0", "#f2e6d8", "#dce7f0", "#efe0e2", "#e6ead2", "#e2e2e2", "#d9ecec")
_INK = "#2a211c"


def portrait(seed: str) -> Image.Image:
    """Return a square portrait of 256 pixels, the same for the same seed."""
    choose = random.Random(f"portrait {seed}")  # noqa: S311 - a drawing, not a secret
    unit = PIXELS * _SCALE / 100
    image = Image.new("RGB", (PIXELS * _SCALE, PIXELS * _SCALE), choose.choice(_WALLS))
    draw = ImageDraw.Draw(image)
    skin, hair, cloth = choose.choice(_SKINS), choose.choice(_HAIRS), choose.choice(_CLOTHES)
    length = choose.choice(("bald", "short", "short", "round", "round", "long", "long", "bun"))

    def oval(left: float, top: float, right: float, bottom: float, fill: str) -> None:
        draw.ellipse([left * unit, top * unit, right * unit, bottom * unit], fill=fill)

    def box(left: float, top: float, right: float, bottom: float, radius: float, fill: str) -> None:
        draw.rounded_rectangle([left * unit, top * unit, right * unit, bottom * unit], radius * unit, fill=fill)

    wide = choose.uniform(-1.5, 1.5)
    if length == "long":
        box(27 - wide, 24, 73 + wide, 74, 18, hair)
    if length == "bun":
        oval(40, 4, 60, 24, hair)
    oval(12, 74, 88, 140, cloth)
    box(42, 58, 58, 82, 6, _darker(skin))
    oval(31 - wide, 20, 69 + wide, 72, skin)
    oval(28 - wide, 42, 35, 54, skin)
    oval(65, 42, 72 + wide, 54, skin)
    if length != "bald":
        top = choose.uniform(16, 19)
        draw.pieslice([(29 - wide) * unit, top * unit, (71 + wide) * unit, (top + 46) * unit], 180, 360, fill=hair)
        parting = choose.uniform(36, 47)
        draw.pieslice([parting * unit, 33 * unit, (parting + 14) * unit, 45 * unit], 180, 360, fill=skin)
        if length == "round":
            oval(24 - wide, 24, 40, 54, hair)
            oval(60, 24, 76 + wide, 54, hair)
            oval(33, 30, 67, 72, skin)
    _face(draw, unit, choose, hair, bearded=length in {"bald", "short"})
    if choose.random() < 0.4:  # noqa: PLR2004 - four in ten wear a collar
        draw.polygon([(42 * unit, 78 * unit), (50 * unit, 90 * unit), (58 * unit, 78 * unit)], fill="#f4f2ee")
    return image.resize((PIXELS, PIXELS), Image.Resampling.LANCZOS)


def _face(draw: ImageDraw.ImageDraw, unit: float, choose: random.Random, hair: str, *, bearded: bool) -> None:
    eyes = choose.uniform(45, 48)
    for side, middle in ((1, 42), (-1, 58)):
        draw.ellipse([(middle - 1.8) * unit, (eyes - 2) * unit, (middle + 1.8) * unit, (eyes + 2) * unit], fill=_INK)
        tilt = choose.uniform(-0.3, 0.5) * side
        draw.line(
            [((middle - 4) * unit, (eyes - 6 + tilt) * unit), ((middle + 4) * unit, (eyes - 6 - tilt) * unit)],
            fill=hair,
            width=int(1.4 * unit),
        )
    draw.line(
        [(50 * unit, (eyes + 2) * unit), (48.8 * unit, (eyes + 9) * unit), (51 * unit, (eyes + 9.5) * unit)],
        fill="#00000030",
        width=int(unit),
    )
    smile = choose.uniform(2, 6)
    draw.arc(
        [43 * unit, (60 - smile) * unit, 57 * unit, (61 + smile / 2) * unit],
        20,
        160,
        fill="#8c3f3a",
        width=int(1.5 * unit),
    )
    if choose.random() < 0.3:  # noqa: PLR2004 - three in ten wear glasses
        for left in (36.5, 52.5):
            draw.ellipse(
                [left * unit, (eyes - 6) * unit, (left + 11) * unit, (eyes + 5) * unit],
                outline=_INK,
                width=int(1.1 * unit),
            )
        draw.line(
            [(47.5 * unit, (eyes - 1) * unit), (52.5 * unit, (eyes - 1) * unit)], fill=_INK, width=int(1.1 * unit)
        )
    elif bearded and choose.random() < 0.4:  # noqa: PLR2004 - of the rest, some a beard
        draw.chord([36 * unit, 50 * unit, 64 * unit, 73 * unit], 20, 160, fill=hair)


def _darker(colour: str) -> str:
    red, green, blue = (int(colour[start : start + 2], 16) * 88 // 100 for start in (1, 3, 5))
    return f"#{red:02x}{green:02x}{blue:02x}"


def webp(seed: str, pixels: int) -> bytes:
    """Return the portrait as a WebP file of `pixels` x `pixels`."""
    out = io.BytesIO()
    portrait(seed).resize((pixels, pixels), Image.Resampling.LANCZOS).save(out, "WEBP", quality=78, method=4)
    return out.getvalue()
