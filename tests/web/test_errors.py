"""What goes wrong, as the log says it: with the text of the error."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from webapp import create_app
from webapp.extensions import db
from webapp.jobs import health


def test_the_text_of_a_databases_error_has_no_value_that_was_given_to_it(context):
    with pytest.raises(DBAPIError, match="nowhere") as raised:
        db.session.execute(text("SELECT 1 FROM nowhere WHERE address = :address"), {"address": "ada@secret.example"})
    assert "ada@secret.example" not in str(raised.value)


@pytest.mark.parametrize("debug", ["0", "1"])
def test_an_error_nobody_expected_shows_a_number_and_nothing_else(tmp_path, monkeypatch, debug):
    monkeypatch.setenv("FLASK_DEBUG", debug)
    app = create_app({"INSTANCE": str(tmp_path / "instance")})

    def broken():
        raise ZeroDivisionError("the secret of ada@secret.example")

    monkeypatch.setattr(health, "is_ready", broken)
    with capture_logs() as lines:
        answer = app.test_client().get("/readyz", base_url="http://127.0.0.1:8000")
    assert answer.status_code == 500
    assert 'data-accent="pine"' in answer.text
    [line] = lines
    assert (line["event"], line["kind"], line["endpoint"]) == ("unexpected", "ZeroDivisionError", "public.readyz")
    assert line["request"] in answer.text
    assert answer.headers["X-Request-Id"] == line["request"]
    for internal in ("Traceback", "ZeroDivision", "secret", ".py", "health"):
        assert internal not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
