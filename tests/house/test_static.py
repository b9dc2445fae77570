"""What every visitor downloads: small, ours or vendored as it was, readable by everybody."""

import gzip
import itertools
import re
from pathlib import Path

import pytest

from webapp import colours as accents
from webapp.web import branding

STATIC = Path(__file__).parents[2] / "webapp/static"
TEMPLATES = Path(__file__).parents[2] / "webapp/templates"
OWN = sorted(path.name for path in STATIC.glob("*.css") if path.name != "kith.css")
CSS = "\n".join((STATIC / name).read_text(encoding="utf-8") for name in ["kith.css", *OWN])

# Which colours stand on which: text needs 4.5:1, what shows the edge of a control 3:1.
TEXT = [
    *itertools.product(["ink", "ink-2", "ink-3"], ["bg", "surface", "raised", "sunken"]),
    *itertools.product(["ink", "ink-2", "accent"], ["tint"]),
    *itertools.product(["accent"], ["bg", "surface"]),
    *itertools.product(["ink", "danger"], ["danger-tint"]),
    *itertools.product(["ink", "warn"], ["warn-tint"]),
    *itertools.product(["danger"], ["surface", "raised"]),
    ("on-accent", "accent"),
    ("on-accent", "accent-up"),
    ("on-danger", "danger"),
    ("bg", "ink"),
]
EDGES = [*itertools.product(["edge", "accent"], ["bg", "surface", "raised"])]


def packed(name):
    return len(gzip.compress((STATIC / name).read_bytes(), mtime=0))


@pytest.mark.parametrize(
    ("name", "bytes_"),
    [
        ("kith.css", 7500),
        ("kith.js", 2700),
        ("messages.js", 1200),
        ("passkeys.js", 1200),
        ("htmx-4.0.1.min.js", 14_000),
    ],
)
def test_styles_and_scripts_stay_small(name, bytes_):
    assert packed(name) <= bytes_


@pytest.mark.parametrize("name", OWN)
def test_a_page_has_at_most_one_sheet_of_its_own_and_eight_kilobytes_of_styles(name):
    assert packed("kith.css") + packed(name) <= 8192
    for path in TEMPLATES.rglob("*.html"):
        assert len(re.findall(r"asset\('\w+\.css'\)", path.read_text(encoding="utf-8"))) <= 1, path


def test_the_symbols_stay_small():
    assert (STATIC / "icons.svg").stat().st_size <= 12_000


def test_a_first_visit_downloads_at_most_sixty_thousand_bytes_with_a_page_of_its_budget():
    fonts = (STATIC / "kith-sans.woff2").stat().st_size
    page = 10_000
    assert sum(map(packed, ["kith.css", "kith.js", "icons.svg", "htmx-4.0.1.min.js"])) + fonts + page <= 60_000


def test_every_licence_that_is_named_is_there():
    table = (STATIC / "licences/README.md").read_text(encoding="utf-8")
    assert {path.name for path in STATIC.glob("licences/*.txt")} == set(re.findall(r"`(\w+\.txt)`", table))


@pytest.mark.parametrize("name", ["kith.css", *OWN, "kith.js", "messages.js", "passkeys.js", "icons.svg", "icon.svg"])
def test_nothing_is_loaded_from_elsewhere(name):
    text = (STATIC / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert "//" not in re.sub(r"(?m)(^|\s)// .*$", "", text)
    for target in re.findall(r"url\(([^)]+)\)", text):
        assert (STATIC / target).is_file()


def test_styles_are_laid_out_for_a_reader():
    assert max(len(line) for line in CSS.splitlines() if "unicode-range" not in line) <= 200
    crowded = [line for line in CSS.splitlines() if line.count(";") > 1 or ("{" in line and ";" in line)]
    assert crowded == []


def test_colours_come_from_tokens_only():
    rules = CSS[CSS.index("@layer base {") :]
    strays = re.findall(r"#[0-9a-f]{3,8}\b", rules)
    # #0000: nothing at all; #fff: the paper behind a mail in its frame; the two greens: Undo on the dark toast
    assert set(strays) <= {"#0000", "#fff", "#8fe0bd", "#0d5139"}


def tokens(accent, css=CSS):
    """The colours of an accent: name -> (light, dark)."""
    blocks = re.findall(r'(:root|\[data-accent="' + accent + r'"\]) \{(.*?)\n  \}', css, re.DOTALL)
    found = {}
    for _selector, block in blocks:
        found |= {
            name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)", block)
        }
    return found


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_the_standard_says():
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("accent", accents.NAMED)
@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_accent_can_be_read_in_light_and_dark(accent, scheme):
    colours = tokens(accent)
    if accent != "pine":
        assert colours["accent"] != tokens("pine")["accent"], "the accent has no colours of its own"
    assert weak(colours, scheme) == {}


def weak(colours, scheme):
    """What could not be read."""
    return {
        f"{on} on {under}": round(contrast(colours[on][scheme], colours[under][scheme]), 2)
        for pairs, least in ((TEXT, 4.5), (EDGES, 3))
        for on, under in pairs
        if contrast(colours[on][scheme], colours[under][scheme]) < least
    }


SHADES = ["#{:02x}{:02x}{:02x}".format(*each) for each in itertools.product((0, 85, 170, 255), repeat=3)]


def test_an_accent_of_ones_own_can_be_read_or_is_refused_with_the_nearest_shade_that_can():
    taken = 0
    for shade in [*SHADES, "#767676", "#0b5d7a"]:
        nearest = accents.readable(shade)
        taken += nearest == shade
        assert (nearest == shade) is (accents.worst(shade) >= 4.5), shade
        assert accents.readable(nearest) == nearest
        css = branding.styles(CSS, nearest)
        assert "[data-accent" not in css
        for scheme in (0, 1):
            assert weak(tokens("own", css), scheme) == {}, shade
    assert 10 < taken < len(SHADES)


def test_the_styles_of_a_page_stay_within_eight_kilobytes_with_an_accent_of_ones_own():
    own = branding.styles((STATIC / "kith.css").read_text(encoding="utf-8"), "#0b5d7a").encode()
    assert len(gzip.compress(own, mtime=0)) + max(map(packed, OWN)) <= 8192
