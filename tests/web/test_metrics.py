"""What is counted for whoever watches an instance, by however many processes; and who may read it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError

from tests import factories, ports, smtp
from webapp import create_app, metrics, schema
from webapp.domain import accounts
from webapp.extensions import db
from webapp.jobs import counting, mail
from webapp.providers.base import ProviderError
from webapp.transaction import transaction

ROOT = Path(__file__).parents[2]
ON_SQLITE = pytest.mark.parametrize("app", ["sqlite"], indirect=True)
TOKEN = "a token of thirty-two characters"
PATIENCE = 60


def read(text):
    """Every sample of a page of metrics: (name, labels) -> value."""
    families = list(text_string_to_metric_families(text))
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value for family in families for sample in family.samples
    }


def of(samples, name, **labels):
    return samples.get((name, *sorted(labels.items())), 0)


@pytest.fixture
def counted(app, tmp_path, setting):
    """`counted()`: what `/metrics` says, of nothing but this test."""
    setting(INSTANCE=tmp_path)
    metrics.begin(tmp_path / metrics.FOLDER)
    app.extensions.pop("kith.numbers", None)
    yield lambda: read(app.test_client().get("/metrics").text)
    metrics.end()
    app.extensions.pop("kith.numbers", None)


@ON_SQLITE
@pytest.mark.parametrize(
    ("token", "given", "status"),
    [
        ("", {}, 200),
        ("", {"environ_overrides": {"REMOTE_ADDR": "198.51.100.7"}}, 404),
        ("", {"base_url": "http://kith.example"}, 404),
        *(("", {"headers": {name: "198.51.100.7"}}, 404) for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP")),
        ("", {"headers": {"Authorization": "Bearer "}, "environ_overrides": {"REMOTE_ADDR": "198.51.100.7"}}, 404),
        (TOKEN, {}, 404),
        (TOKEN, {"headers": {"Authorization": "Bearer another"}}, 404),
        (TOKEN, {"headers": {"Authorization": "Bearer é"}}, 404),
        (TOKEN, {"headers": {"Authorization": f"Bearer {TOKEN}"}}, 200),
        (TOKEN, {"headers": {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "198.51.100.7"}}, 200),
    ],
)
def test_only_who_may_reads_it_and_to_all_others_there_is_nothing(client, setting, counted, token, given, status):
    setting(METRICS_TOKEN=token)
    answer = client.get("/metrics", **given)
    assert answer.status_code == status
    assert ("kith_members" in answer.text) == (status == 200)
    if status == 404:
        assert "find that page" in answer.text.replace("&#39;", "'")


def test_what_happens_is_counted(app, context, counted, as_member, statements):
    ada, ben = factories.member("Ada", "ada@example.org"), factories.member("Ben")
    factories.connect(ada, ben)
    db.session.commit()
    browser = as_member(ada)
    with statements() as seen:
        browser.get("/people/ben-canary")
        browser.get("/people/another-canary?q=canary")
    asked = [each for each in seen if not each.startswith("BEGIN")]
    browser.client.open("/canary", method="CANARY")
    browser.post("/signin", {"email": "ada@example.org", "password": "canary"})
    db.session.rollback()
    with transaction():
        accounts.ask_reset("ada@example.org")
    with smtp.listening() as sink:
        app.config["KITH"] = app.config["KITH"] | {"SMTP_URL": sink.url}
        sent = mail.deliver_due()
    with pytest.raises(ProviderError), metrics.calling("google"):
        raise ProviderError("busy", "canary")
    with metrics.calling("google"), metrics.job("tidy"):
        pass
    with pytest.raises(KeyError), metrics.job("tidy"):
        raise KeyError("canary")
    with transaction():
        accounts.ask_reset("ada@example.org")
    found = counted()
    shown = {"route": "/people/<handle>", "method": "GET"}
    assert of(found, "kith_request_seconds_count", status="4xx", **shown) == 2
    assert of(found, "kith_request_seconds_bucket", status="4xx", le="+Inf", **shown) == 2
    assert of(found, "kith_statements_total", **shown) == len(asked) > 0
    assert of(found, "kith_request_seconds_count", route="none", method="other", status="4xx") == 1
    assert of(found, "kith_doors_total", what="wrong password") == 1
    assert of(found, "kith_mails_handed_over_total", outcome="sent") == sent > 0
    assert [of(found, "kith_provider_calls_total", provider="google", outcome=each) for each in ("ok", "busy")] == [
        1,
        1,
    ]
    assert (of(found, "kith_job_seconds_count", job="tidy"), of(found, "kith_job_failures_total", job="tidy")) == (2, 1)
    assert [of(found, f"kith_{name}") for name in ("members", "connections", "processes")] == [2, 1, 1]
    assert (of(found, "kith_mails", state="queued"), of(found, "kith_mails", state="sent")) == (1, sent)
    assert of(found, "kith_mail_oldest_seconds") >= 0
    assert of(found, "kith_database_answers") == 1
    assert 10e6 < of(found, "kith_memory_bytes") < 2e9
    assert "canary" not in str(found).lower()


@ON_SQLITE
def test_the_database_is_asked_with_two_statements_now_and_then_and_may_be_gone(counted, statements, monkeypatch):
    with statements() as seen:
        counted()
        counted()
    assert len([each for each in seen if each.startswith("SELECT")]) == 2
    monkeypatch.setattr(counting, "KEPT_SECONDS", 0)

    def gone():
        raise OperationalError("", {}, Exception())

    monkeypatch.setattr(counting, "_now", gone)
    found = counted()
    assert of(found, "kith_database_answers") == 0
    assert ("kith_members",) not in found
    assert of(found, "kith_request_seconds_count", route="/metrics", method="GET", status="2xx") == 2


def test_processes_that_do_not_go_on_for_long_count_nothing(tmp_path):
    metrics.end()
    metrics.request("/", "GET", 200, 0.1, 1)
    metrics.door("signed in")
    metrics.mail("sent")
    with metrics.calling("google"), metrics.job("tidy"):
        pass
    assert "kith_request" not in metrics.exposition(tmp_path / "none", []).decode()


def test_two_processes_are_one_instance_and_the_dead_are_forgotten_at_the_next_start(tmp_path):
    app = create_app({"INSTANCE": str(tmp_path)})
    with app.app_context():
        schema.upgrade()
        db.engine.dispose()
    port, folder = ports.free(), tmp_path / metrics.FOLDER
    url = f"http://127.0.0.1:{port}"
    folder.mkdir()
    foreign, stale = (folder / f"counter_{name}.db" for name in ("elsewhere-7", "elsewhere-8"))
    for path in (foreign, stale, folder / "counter_nonsense.db"):
        path.write_bytes(bytes([8, 0, 0, 0, 0, 0, 0, 0]))  # as the library writes one in which nothing stands
    os.utime(stale, (0, 0))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KITH_")}
    environment |= {"KITH_INSTANCE": str(tmp_path), "KITH_BASE_URL": url}

    def start(*more):
        return subprocess.Popen(
            [sys.executable, "-m", "webapp", "serve", "--port", str(port), *more],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def said():
        try:
            answer = requests.get(f"{url}/metrics", timeout=5)
            return read(answer.text) if answer.ok else {}
        except requests.ConnectionError:
            return {}

    def wait_for(question):
        until = time.monotonic() + PATIENCE
        while not question():
            assert time.monotonic() < until, said()
            time.sleep(0.05)

    def pages(found):
        return of(found, "kith_request_seconds_count", route="/signin", method="GET", status="2xx")

    def counting_processes():
        return {int(name[1]) for path in folder.glob("*.db") if (name := re.search(r"-(\d+)\.db", path.name))} - {7, 8}

    running = start("--workers", "2")
    try:
        wait_for(lambda: of(said(), "kith_processes") == 2)
        assert {path.name for path in (stale, foreign) if path.exists()} == {foreign.name}
        for turn in range(1, 21):
            requests.get(f"{url}/signin", timeout=5)
            assert pages(said()) == turn
        wait_for(
            lambda: of(said(), "kith_job_seconds_count", job="sweep") > 0
        )  # who is killed in it leaves its turn unused
        one = min(counting_processes())
        os.kill(one, signal.SIGKILL)
        wait_for(lambda: of(said(), "kith_processes") == 2 and len(counting_processes()) == 3)
        assert pages(said()) == 20
        assert of(said(), "kith_job_seconds_count", job="sweep") > 0
    finally:
        running.terminate()
        assert running.wait(PATIENCE) == 0
    metrics.clean(folder)  # as the next start does
    assert [path.name for path in folder.iterdir()] == [foreign.name]


@ON_SQLITE
def test_the_dashboard_and_the_alerts_ask_for_what_there_is(counted, client):
    client.get("/signin")
    metrics.door("signed in")
    metrics.mail("sent")
    with metrics.calling("google"), pytest.raises(KeyError), metrics.job("tidy"):
        raise KeyError
    counted()
    there = {name for name, *_labels in counted()}
    board = json.loads((ROOT / "docs/grafana.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    section = (ROOT / "docs/operate.md").read_text().partition("## Watching it")[2].partition("\n## ")[0]
    alerts = re.findall(r"^ +expr: (.+)$", section, re.MULTILINE)
    assert len(alerts) >= 3
    for expression in asked + alerts:
        named = re.findall(r"kith_\w+", expression)
        assert named, expression
        assert set(named) <= there, expression
    assert {re.sub("_(total|count|sum|bucket)$", "", name) for name in there if name.startswith("kith_")} <= {
        re.sub("_(total|count|sum|bucket)$", "", name) for each in asked for name in re.findall(r"kith_\w+", each)
    }
