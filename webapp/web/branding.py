"""The community's look: its own accent written into the style sheet, and its logo as the pictures that pages and phones show.

Both are settings, so they are made once, when Kith starts, and are the same in every process.
"""

import io
import re
from pathlib import Path

from webapp import colours
from webapp.config import PREFIX, SettingError
from webapp.domain.errors import Invalid

LOGO_PIXELS = (68, 192, 512)
"""In the head of a page (at twice its size), on a home screen, and on a large one."""
ROUND = 0.18
MARGIN = 0.06
_OTHERS = re.compile(r'\n  \[data-accent="\w+"\] \{[^}]*\}\n')
_ICON = "#13684a"


def styles(css: str, accent: str) -> str:
    """Return the style sheet with an accent of one's own in place of the one it has, and without the others."""
    light, dark = colours.light(accent), colours.dark(accent)
    own = {"accent": "accent", "accent-up": "up", "on-accent": "on", "tint": "tint"}
    for name, part in own.items():
        value = f"--{name}: light-dark({getattr(light, part)}, {getattr(dark, part)});"
        css, found = re.subn(rf"--{name}: light-dark\([^;]*\);", value, css, count=1)
        assert found == 1, name
    return _OTHERS.sub("", css)


def symbol(svg: str, accent: str) -> str:
    """Return Kith's own sign in that accent."""
    return svg.replace(_ICON, accent)


def logo(path: Path) -> dict[str, bytes]:
    """Return the operator's logo as PNG files by their names: square, on white with round corners, so it shows on light and dark pages.

    It is read and written anew as a photo is: nothing of the file is kept but its pixels. SettingError for what is no picture.
    """
    from PIL import Image, ImageDraw, ImageOps

    from webapp.domain.profiles import photos

    try:
        flat = photos.flat(path.read_bytes())
    except OSError as error:
        raise SettingError(
            f"{PREFIX}LOGO must be a picture file, but {path} can't be read: {error.strerror}."
        ) from None
    except Invalid as error:
        raise SettingError(f"{PREFIX}LOGO, {path}: {error}.") from None
    found = {}
    for pixels in LOGO_PIXELS:
        large = pixels * 4
        inside = round(large * (1 - 2 * MARGIN))
        ground = Image.new("RGB", (large, large), "white")
        ground.paste(ImageOps.contain(flat, (inside, inside), Image.Resampling.LANCZOS), _middle(flat, inside, large))
        mask = Image.new("L", (large, large), 0)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, large - 1, large - 1), round(large * ROUND), fill=255)
        ground.putalpha(mask)
        buffer = io.BytesIO()
        ground.resize((pixels, pixels), Image.Resampling.LANCZOS).save(buffer, "PNG", optimize=True)
        found[f"logo-{pixels}.png"] = buffer.getvalue()
    return found


def _middle(flat: "object", inside: int, large: int) -> tuple[int, int]:
    width, height = flat.size  # type: ignore[attr-defined]
    scale = inside / max(width, height)
    return round((large - width * scale) / 2), round((large - height * scale) / 2)
