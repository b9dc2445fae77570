"""Archives that are read although they hold more than others."""

import io
import zipfile

from webapp.providers import files
from webapp.providers.files import archives


def test_an_archive_of_kith_may_hold_more_files_than_others():
    written = io.BytesIO()
    card = "BEGIN:VCARD\nVERSION:4.0\nFN:Ada\nEMAIL:ada@x.example\nEND:VCARD\n"
    with zipfile.ZipFile(written, "w") as archive:
        for each in range(archives.ENTRIES_MAX * 2):
            archive.writestr(f"me/photos/{each}.jpg", b"")
        archive.writestr("me/connections.vcf", card)
        archive.writestr("me/kith.json", "{}")
    found = files.read(written.getvalue())
    assert (found.kind, [each.name for each in found.page.cards]) == ("kith", ["Ada"])
