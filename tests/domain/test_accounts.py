"""Accounts: what a new one is given."""

from webapp.domain import accounts, names
from webapp.extensions import db


def test_a_namesake_never_gets_a_handle_that_is_taken(context, monkeypatch):
    letters = iter("aaaa" * 2 + "aaab")
    monkeypatch.setattr(names, "new_handle", lambda name: "ana-" + "".join(next(letters) for _ in range(4)))
    handles = [accounts.create_verified("Ana", f"ana{number}@example.org", "x").handle for number in range(2)]
    db.session.rollback()
    assert handles == ["ana-aaaa", "ana-aaab"]
