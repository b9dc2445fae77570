"""What `kith doctor` finds beside what is wrong with the data: about mail, the machine, secrets and the way members come."""

import json
from types import SimpleNamespace

import dns.resolver
import pytest

from tests import factories, programs
from webapp import clock
from webapp.jobs import checkup
from webapp.models.base import db
from webapp.models.mail import OutgoingMail
from webapp.models.member import SignIn

ALL = {"kith.example": "v=spf1 mx -all", "_domainkey.kith.example": "", "_dmarc.kith.example": "v=DMARC1; p=reject"}


class Names:
    """DNS as it would answer: texts by name, and nothing else."""

    def __init__(self, texts, error=None):
        self.texts, self.error = texts, error

    def resolve(self, name, kind, lifetime):
        assert (kind, lifetime) == ("TXT", checkup.DNS_SECONDS)
        if self.error:
            raise self.error
        if name not in self.texts:
            raise dns.resolver.NXDOMAIN
        if not self.texts[name]:
            raise dns.resolver.NoAnswer
        return [SimpleNamespace(strings=[self.texts[name][:4].encode(), self.texts[name][4:].encode()])]


def said(topic, **given):
    found = [each for each in checkup.findings(**given) if each.topic == topic]
    return [(each.level, each.sentence) for each in found]


@pytest.fixture
def mailing(context, setting):
    setting(SMTP_URL="smtp://mail.kith.example", MAIL_FROM="hello@kith.example")


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("texts", "missing"),
    [
        (ALL, []),
        ({}, ["SPF", "DKIM", "DMARC"]),
        (ALL | {"kith.example": "something else"}, ["SPF"]),
        ({name: text for name, text in ALL.items() if name != "_domainkey.kith.example"}, ["DKIM"]),
        (ALL | {"_dmarc.kith.example": ""}, ["DMARC"]),
    ],
)
def test_each_record_that_is_missing_is_a_note(mailing, texts, missing):
    found = said("Mail", resolver=Names(texts))[1:]
    assert [level for level, _sentence in found] == ["Note"] * len(missing) or ["OK"]
    for (level, sentence), name in zip(found, missing, strict=False):
        assert (level, f"has no {name}" in sentence) == ("Note", True)
    assert bool(missing) or found == [("OK", "kith.example has records for SPF, DKIM and DMARC.")]


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_the_policy_of_the_domain_above_counts(mailing, setting):
    setting(MAIL_FROM="hello@mail.kith.example")
    texts = {"mail.kith.example": "v=spf1 -all", "_domainkey.mail.kith.example": "", "_dmarc.kith.example": "v=DMARC1"}
    assert said("Mail", resolver=Names(texts))[-1][0] == "OK"


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
@pytest.mark.parametrize("error", [dns.resolver.NoNameservers(), dns.resolver.LifetimeTimeout(), OSError()])
def test_no_dns_here_is_a_note(mailing, error):
    found = said("Mail", resolver=Names({}, error))
    assert found[-1] == (
        "Note",
        "DNS does not answer here, so SPF, DKIM and DMARC of kith.example were not looked at.",
    )


def test_rows_of_the_future_and_the_database_itself(context):
    levels = {each.sentence.split()[0]: each.level for each in checkup.findings() if each.topic == "Machine"}
    assert levels["The"] == "OK"
    assert any(sentence.startswith(("It is SQLite", "It is PostgreSQL")) for _level, sentence in said("Database"))
    factories.sign_in(factories.member("Ana Lima"))
    db.session.query(SignIn).update({"created_at": clock.now().replace(year=clock.now().year + 1)})
    db.session.commit()
    assert ("Wrong", "There are rows of the future: this machine's clock is late, or was ahead.") in said("Machine")


def test_the_database_servers_clock_is_compared(context):
    clock.move(minutes=10)
    differ = [each for each in said("Machine") if "differ by" in each[1]]
    assert [level for level, _sentence in differ] == (["Wrong"] if db.engine.dialect.name == "postgresql" else [])


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_mails_that_failed_and_others_who_can_read_the_folder(app, context, setting):
    db.session.add(
        OutgoingMail(kind="message", facts={}, state="failed", created_at=clock.now(), not_before=clock.now())
    )
    db.session.commit()
    assert ("Note", "1 mails of the last days could not be delivered: see /admin/mail.") in said("Mail")
    folder = app.config["KITH"]["INSTANCE"]
    before = folder.stat().st_mode
    folder.chmod(0o755)
    try:
        assert ("Note", f"{folder} can be read by others on this machine: chmod 700 {folder}") in said("Secrets")
    finally:
        folder.chmod(before)
    setting(BASE_URL="https://kith.example")
    assert [level for level, _sentence in said("Web")] == [
        "Wrong",
        "Note",
    ]  # this application's cookies were made for http
    app.config["SESSION_COOKIE_SECURE"] = True
    try:
        assert [level for level, _sentence in said("Web")] == ["OK", "Note"]
    finally:
        app.config["SESSION_COOKIE_SECURE"] = False


@pytest.mark.parametrize("app", ["sqlite"], indirect=True)
def test_a_log_in_that_lacks_something_and_that_nobody_runs_the_community(context, setting):
    setting(SIGN_IN_WITH=("google", "oidc"), OIDC_CLIENT_ID="kith")
    assert said("Web")[1:] == [
        ("Note", "Signing in with google is not offered: set GOOGLE_CLIENT_ID."),
        ("Note", "Signing in with oidc is not offered: set OIDC_METADATA_URL."),
    ]
    assert said("Operators") == [
        ("Note", "Nobody runs this community yet: `kith init` prints a link for who will."),
    ]
    factories.member("Olga Operator").is_operator = True
    db.session.commit()
    assert said("Operators") == []


def test_for_programs_it_is_json_and_tells_no_secret(tmp_path):
    given = {"INSTANCE": tmp_path / "instance", "METRICS_TOKEN": "s" * 40}
    early = programs.run("doctor", "--json", **given)
    assert early.returncode == 1
    assert early.stdout == ""
    assert early.stderr.startswith(f"Error: There is no Kith in {given['INSTANCE']}")
    programs.run("upgrade", **given)
    done = programs.run("doctor", "--json", **given)
    read = json.loads(done.stdout)
    assert done.returncode == 0
    assert {each["level"] for each in read["findings"]} == {"OK", "Note"}
    assert read["settings"]["METRICS_TOKEN"] == "(set)"
    written = {"GOOGLE_DOMAINS": "gmail.com, googlemail.com", "SIGN_IN_WITH": "", "LOG_REQUESTS": "true"}
    assert written.items() <= read["settings"].items(), "as one would write them"
    assert "ssss" not in done.stdout
