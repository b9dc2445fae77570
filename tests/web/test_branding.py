"""The community's look: its name, its logo and its colour, on every page and on a home screen."""

import io
import re

import pytest
from PIL import Image

from tests.conftest import Client
from webapp import create_app
from webapp.config import SettingError


def picture(folder, name="logo.png", size=(300, 100), kind="PNG", **more):
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGBA" if kind == "PNG" else "RGB", size, (11, 93, 122)).save(folder / name, kind, **more)


def started(folder, **settings):
    app = create_app({"INSTANCE": str(folder), "SITE_NAME": "Northgate Alumni"} | settings)
    app.test_client_class = Client
    return app


def test_a_logo_is_shown_on_pages_and_home_screens_and_is_nothing_but_its_pixels(tmp_path):
    details = Image.Exif()
    details[0x9286] = "taken at 1 Harbour Street"
    picture(tmp_path, "logo.jpg", kind="JPEG", exif=details)
    assert b"Harbour" in (tmp_path / "logo.jpg").read_bytes()
    client = started(tmp_path, LOGO="logo.jpg").test_client()
    page = client.get("/signin").text
    found = re.findall(r'(?:src|href)="([^"]*/logo-\d+\.png)"', page)
    assert len(found) == 3
    assert "icon.svg" not in page.replace("icons.svg", "")
    manifest = client.get("/manifest.webmanifest").json
    assert {each["sizes"] for each in manifest["icons"]} == {"192x192", "512x512"}
    for url in {*found, *(each["src"] for each in manifest["icons"])}:
        answer = client.get(url)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "immutable" in answer.headers["Cache-Control"]
        assert b"Harbour" not in answer.data
        image = Image.open(io.BytesIO(answer.data))
        wide = image.width
        assert image.size == (wide, wide)
        assert image.getpixel((0, 0))[3] == 0, "round corners"
        assert image.getpixel((wide // 2, wide // 8)) == (255, 255, 255, 255), "on white, whole, not cut"
        assert (
            max(abs(a - b) for a, b in zip(image.getpixel((wide // 2, wide // 2)), (11, 93, 122, 255), strict=True)) < 6
        )
        assert len(answer.data) < 20_000


def test_a_colour_of_ones_own_is_written_into_the_sheet_and_changes_its_address(tmp_path):
    plain, own = started(tmp_path / "a"), started(tmp_path / "b", ACCENT="#0B5D7A")
    sheets = []
    for app in (plain, own):
        page = app.test_client().get("/signin").text
        url = re.search(r'href="([^"]*/kith\.css)"', page)[1]
        sheets.append((url, app.test_client().get(url).text))
        assert "style=" not in page
        assert "<style" not in page
    assert sheets[0][0] != sheets[1][0]
    assert "--accent: light-dark(#0b5d7a, #" in sheets[1][1]
    assert "#0b5d7a" not in sheets[0][1]
    icon = own.test_client().get(re.search(r'href="([^"]*/icon\.svg)"', page)[1]).text
    assert 'color="#0b5d7a"' in icon


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ACCENT": "#ffcc00"}, "KITH_ACCENT #ffcc00 can't be read on light pages: its contrast is 1.4:1, and text needs 4.5:1. The nearest shade that can is #8b6f00."),
        ({"ACCENT": "mauve"}, "KITH_ACCENT must be one of pine, ocean, plum, slate, or a colour like #0b5d7a, but is 'mauve'."),
        ({"ACCENT": "#fff"}, "KITH_ACCENT must be one of"),
        ({"LOGO": "none.png"}, "KITH_LOGO must be a picture file, but"),
        ({"LOGO": "notes.txt"}, "Choose a JPEG, PNG or WebP picture"),
        ({"LOGO": "logo.svg"}, "Choose a JPEG, PNG or WebP picture"),
        ({"SITE_NAME": "two\nlines"}, "KITH_SITE_NAME must be a name"),
    ],
)  # fmt: skip
def test_a_look_that_cannot_be_used_is_one_sentence(tmp_path, given, said):
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')
    with pytest.raises(SettingError) as raised:
        started(tmp_path, **given)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
