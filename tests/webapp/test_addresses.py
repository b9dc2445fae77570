"""Names and addresses made comparable and safe."""

import time

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp import addresses

KELVIN = "\u212a"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Ada@Example.ORG", "Ada@example.org"),
        ("  ada@example.org\n", "ada@example.org"),
        ("mailto:ada@example.org?subject=Hello", "ada@example.org"),
        ("MAILTO:ada%2Bkith@example.org", "ada+kith@example.org"),
        ("\u200bada@example.org\ufeff", "ada@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("jose\u0301@example.org", "josé@example.org"),
        ("o'brien@example.org", "o'brien@example.org"),
        ("Postmaster@example.org", "Postmaster@example.org"),
        ("x" * 64 + "@example.org", "x" * 64 + "@example.org"),
    ],
)
def test_an_address_is_kept_as_written_with_its_domain_in_ascii(written, kept):
    assert addresses.address(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@example",
        "ada@localhost",
        "ada@printer.local",
        "ada@nowhere.invalid",
        "ada..b@example.org",
        ".ada@example.org",
        "ada@-example.org",
        "ada@ex_ample.org",
        "ada@exa--mple..org",
        "a b@example.org",
        "Ada <ada@example.org>",
        '"ada"@example.org',
        "ada@[127.0.0.1]",
        "ada@example.org\r\nBcc: eve@example.org",
        "ada\x00@example.org",
        "ada\ud800@example.org",
        "x" * 65 + "@example.org",
        "é" * 33 + "@example.org",
        "ada@" + "x" * 250 + ".org",
        "ada@" + ("x" * 60 + ".") * 4 + "example.org",
        "a@" * 2000,
        f"{KELVIN}ate@example.org",
    ],
)
def test_what_is_no_address_is_refused(written):
    assert addresses.address(written) is None


def test_only_ascii_letters_are_folded_in_a_key():
    assert addresses.key("Ada.B+C@example.org") == "ada.b+c@example.org"
    assert addresses.key("ÉDITH@example.org") == "Édith@example.org"
    assert addresses.key("a.da@example.org") != addresses.key("ada@example.org")
    assert addresses.key("ada+x@example.org") != addresses.key("ada@example.org")


def test_an_address_in_another_script_is_not_mailable():
    assert addresses.is_mailable("ada@xn--bcher-kva.example")
    assert not addresses.is_mailable("josé@example.org")


_local = st.text("abcXYZ019._+-'!é \"@,", min_size=0, max_size=70)
_domain = st.text("abcXYZ019-.üx_", min_size=0, max_size=70)
_domains = ["example.org", "x.test", "a.local", "b.arpa", "xn--a.org", "ab--c.org", "x.o", "x.c0m"]


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(_local, st.sampled_from(_domains) | _domain)
def test_the_short_way_and_the_validator_never_disagree(local, domain):
    written = f"{local}@{domain}"
    plain = addresses._PLAIN.match(written)
    if plain is None:
        return
    found = validate_email(written, check_deliverability=False, strict=True)  # must not raise
    assert found.ascii_domain == plain["domain"].lower()
    assert found.local_part.lower() == plain["local"].lower()


@settings(max_examples=500, deadline=None, derandomize=True)
@given(_local, st.sampled_from(_domains) | _domain)
def test_what_the_validator_refuses_is_refused(local, domain):
    written = f"{local}@{domain}".strip()
    try:
        validate_email(written, check_deliverability=False, strict=True)
    except EmailNotValidError:
        assert addresses.address(written) is None


@settings(deadline=None)
@given(st.text(max_size=300) | st.builds("{}@{}".format, _local, st.sampled_from(_domains) | _domain))
def test_a_kept_address_is_stable_and_clean(text):
    kept = addresses.address(text)
    if kept is not None:
        assert addresses.address(kept) == kept
        assert addresses.address(addresses.key(kept)) is not None
        assert kept.count("@") == 1
        assert kept.isprintable()


def test_twenty_five_thousand_addresses_take_well_under_a_second():
    written = [f"Person.{number}+x@Example{number % 97}.org" for number in range(25_000)]
    start = time.perf_counter()
    assert None not in [addresses.address(each) for each in written]
    assert time.perf_counter() - start < 2  # 0.1 s on an idle core; the validator alone takes ten times that


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("  Ada \t Lovelace\n", "Ada Lovelace"),
        ("Jose\u0301", "José"),
        ("Ada\u202eecalevoL", "AdaecalevoL"),
        ("A\u200bd\u2066a\x00\x07", "Ada"),
        ("\ud800Ada", "Ada"),
        ("\u3164\u115f", ""),
        ("", ""),
        ("Ольга", "Ольга"),
        ("田中太郎", "田中太郎"),
        ("O'Brien", "O'Brien"),
        ("Ahmed علي", "Ahmed علي"),
        ("Ada\r\nBcc: eve@example.org", "Ada Bcc: eve@example.org"),
        ("a\x0bb\x1cc\u2028d", "a b c d"),
        ("<img onerror=x>", "<img onerror=x>"),
    ],
)
def test_a_display_name_is_composed_and_without_invisible_letters(written, shown):
    assert addresses.display_name(written) == shown


def test_a_display_name_has_at_most_a_hundred_characters():
    assert addresses.display_name("é" * 5000) == "é" * 100
    assert addresses.display_name("x" * 99 + " y") == "x" * 99


@given(st.text(max_size=400))
def test_a_display_name_is_stable(text):
    shown = addresses.display_name(text)
    assert addresses.display_name(shown) == shown
    shown.encode()


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("no-reply@example.org", "no_reply"),
        ("NOREPLY@example.org", "no_reply"),
        ("calendar-noreply@example.org", "no_reply"),
        ("do.not.reply@example.org", "no_reply"),
        ("donotreply@example.org", "no_reply"),
        ("nicht-antworten@example.org", "no_reply"),
        ("notifications+ab12@example.org", "no_reply"),
        ("ada@users.noreply.example.org", "no_reply"),
        ("mailer-daemon@example.org", "bounce"),
        ("postmaster@example.org", "bounce"),
        ("bounces+ada=example.org@lists.example.org", "bounce"),
        ("choir-request@example.org", "list"),
        ("owner-choir@example.org", "list"),
        ("newsletter@example.org", "list"),
        ("anything@lists.example.org", "list"),
        ("choir@googlegroups.com", "list"),
        ("support@example.org", "support"),
        ("help-desk@example.org", "support"),
        ("webmaster@example.org", "support"),
        ("ada@example.org", None),
        ("info@example.org", None),
        ("norbert.alert@example.org", None),
        ("helpful@example.org", None),
        ("lister@example.org", None),
        ("noreen.reply@example.org", None),
        ("supporter@example.org", None),
        ("ada@bounceclub.example", None),
    ],
)
def test_addresses_of_no_person_are_told_by_the_rule_that_caught_them(address, rule):
    assert addresses.not_a_person(address) == rule
