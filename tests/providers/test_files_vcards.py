"""vCards of three versions and their corners; what is broken costs only itself. vobject is the second pair of eyes."""

import logging

import pytest
import vobject

from webapp.providers import files
from webapp.providers.base import Card
from webapp.providers.files import FileError, vcards


def people(text):
    page = vcards.read(text if isinstance(text, bytes) else text.encode())
    assert page.total == page.read
    return [(each.name, each.addresses) for each in page.cards]


def card(*lines, version="3.0"):
    return "\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""])


ADA = ("Ada Lovelace", ("ada@x.example",))


@pytest.mark.parametrize(
    ("text", "name", "addresses"),
    [
        (card("FN:Ada Lovelace", "EMAIL:ada@x.example"), "Ada Lovelace", ("ada@x.example",)),
        (card("N:Lovelace;Ada;Augusta;Countess;"), "Ada Augusta Lovelace", ()),
        (card("FN:", "N:Lovelace;Ada;;;", "ORG:Engines"), "Ada Lovelace", ()),
        (card("ORG:Engines Ltd;Research", "EMAIL:info@x.example"), "Engines Ltd", ("info@x.example",)),
        (card("FN:Lovelace\\, Ada\\; B.\\nC."), "Lovelace, Ada; B. C.", ()),
        (card("FN:Ada\r\n  Love\r\n\tlace", "EMAIL:a\r\n da@x.exam\r\n ple"), "Ada Lovelace", ("ada@x.example",)),
        (card("FN:Ada\r\n Lovelace", version="2.1"), "Ada Lovelace", ()),
        (card("item1.EMAIL;type=INTERNET:b@x.example", "item1.X-ABLabel:Club", "EMAIL;type=INTERNET;type=HOME;type=pref:a@x.example"), "", ("a@x.example", "b@x.example")),
        (card("EMAIL;TYPE=home,pref:a@x.example", 'EMAIL;TYPE="work,pref":b@x.example', "email:c@x.example"), "", ("a@x.example", "b@x.example", "c@x.example")),
        (card("EMAIL;PREF=100:c@x.example", "EMAIL:d@x.example", "EMAIL;PREF=2:mailto:b@x.example", "EMAIL;PREF=1;TYPE=work:a@x.example", version="4.0"), "", tuple(f"{each}@x.example" for each in "abcd")),
        (card("EMAIL;INTERNET:b@x.example", "EMAIL;PREF;INTERNET:a@x.example", version="2.1"), "", ("a@x.example", "b@x.example")),
        (card("N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:L=C3=B6w;J=C3=BC=\r\nrg;;;", version="2.1"), "Jürg Löw", ()),
        (card("FN;QUOTED-PRINTABLE;CHARSET=ISO-8859-1:J=FCrg L=F6w", version="2.1"), "Jürg Löw", ()),
        (card("FN;CHARSET=windows-1251;ENCODING=QUOTED-PRINTABLE:=C0=E4=E0", version="2.1"), "Ада", ()),
        (card("FN;CHARSET=UTF-7;ENCODING=QUOTED-PRINTABLE:Ada", version="2.1"), "Ada", ()),
        (card("FN;ENCODING=b;CHARSET=UTF-8:SsO8cmcgTMO2dw=="), "Jürg Löw", ()),
        (card('FN;X-PHONETIC="Da: Vinci":Ada Lovelace'), "Ada Lovelace", ()),
        (card("EMAIL:Ada Lovelace <ada@x.example>"), "", ("ada@x.example",)),
        (card("EMAIL:a@x.example, b@x.example"), "", ("a@x.example", "b@x.example")),
        (card("FN:ada@x.example", "EMAIL:ada@x.example"), "", ("ada@x.example",)),
    ],
)  # fmt: skip
def test_a_card_is_read(text, name, addresses):
    assert people(text) == [(name, addresses)]
    assert people(text.replace("\r\n", "\n")) == people(text.replace("\r\n", "\r")) == [(name, addresses)]
    assert people(text.encode("utf-16")) == people(text.encode("utf-8-sig")) == [(name, addresses)]
    assert files.read(text.encode()).kind == "vcard"


def test_a_name_in_latin_1_without_a_word_about_it_is_read():
    assert people(card("FN:Jürg Löw").encode("latin-1")) == [("Jürg Löw", ())]
    mixed = card("FN:Jürg Löw").encode("latin-1") + card("FN:Zoë Ünal").encode()
    assert [name for name, _ in people(mixed)] == ["Jürg Löw", "Zoë Ünal"]


def test_a_letter_torn_by_folding_is_whole_again():
    octets = "FN:Zoë".encode()
    torn = octets[:-1] + b"\r\n " + octets[-1:]
    assert people(b"BEGIN:VCARD\r\nVERSION:3.0\r\n" + torn + b"\r\nEND:VCARD\r\n") == [("Zoë", ())]


def test_groups_are_no_contacts():
    lists = card("X-ADDRESSBOOKSERVER-KIND:group", "FN:Friends") + card(
        "KIND:group", "FN:All", "EMAIL:all@x.example", version="4.0"
    )
    assert people(lists + card("FN:Ada", "KIND:individual")) == [("Ada", ())]
    with pytest.raises(FileError, match="empty"):
        files.read(lists.encode())


def test_a_note_in_quoted_printable_may_look_like_anything():
    note = "NOTE;ENCODING=QUOTED-PRINTABLE:one=\r\nEMAIL:not@x.example=\r\nFN:Nobody=\r\nlast"
    assert people(card("FN:Ada Lovelace", note, "EMAIL:ada@x.example", version="2.1")) == [ADA]
    swallowing = card(
        "FN:Ada Lovelace", "EMAIL:ada@x.example", "NOTE;ENCODING=QUOTED-PRINTABLE:ends with a sign=", version="2.1"
    )
    assert people(swallowing + card("FN:Ben")) == [ADA, ("Ben", ())]


def test_a_card_inside_a_card_is_not_the_persons():
    agent = "AGENT:\r\nBEGIN:VCARD\r\nFN:Secretary\r\nEMAIL:secretary@x.example\r\nEND:VCARD"
    assert people(card("FN:Ada Lovelace", agent, "EMAIL:ada@x.example", version="2.1")) == [ADA]


def test_a_broken_card_costs_only_itself():
    whole = card("FN:Ada Lovelace", "EMAIL:ada@x.example")
    without_end = "BEGIN:VCARD\r\nFN:Ben\r\n"
    with_address = "BEGIN:VCARD\r\nFN:Cid\r\nEMAIL:cid@x.example\r\n"
    without_begin = "FN:Dee\r\nEMAIL:dee@x.example\r\nEND:VCARD\r\n"
    garbage = "END:VEVENT\r\nEMAIL;=;:;=:\r\n;;;\r\n:\r\n"
    page = vcards.read((whole + without_end + with_address + garbage + whole + without_begin + with_address).encode())
    assert page.cards == [
        Card("Ada Lovelace", ("ada@x.example",)),
        Card("Ben", why="not_understood"),
        Card("Cid", ("cid@x.example",)),
        Card("Ada Lovelace", ("ada@x.example",)),
        Card("Dee", ("dee@x.example",)),
        Card("Cid", ("cid@x.example",)),
    ]


def test_what_is_wrong_with_a_card_of_no_use_is_said():
    page = vcards.read((card("FN:Ada") + card("FN:Ben", "EMAIL:ben at x")).encode())
    assert [(each.name, each.why) for each in page.cards] == [("Ada", "none"), ("Ben", "invalid")]


def test_a_server_may_answer_with_nothing():
    assert vcards.read(b"").cards == []


@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_vobject_reads_the_same_from_cards_without_corners(version):
    logging.getLogger("vobject").setLevel(logging.CRITICAL)
    text = "".join(
        card(
            f"FN:P {each}",
            f"N:P;{each};;;",
            f"EMAIL;TYPE=work:p{each}@x.example",
            f"EMAIL:p{each}@home.example",
            version=version,
        )
        for each in range(20)
    )
    theirs = [
        (each.fn.value, tuple(mail.value for mail in each.contents["email"]))
        for each in vobject.readComponents(text, allowQP=True, ignoreUnreadable=True)
    ]
    assert people(text) == theirs
