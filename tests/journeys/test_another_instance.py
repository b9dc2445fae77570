"""An archive brought to another instance: who is there is found, by what they shared with its owner."""

import pytest

from tests import factories
from tests.archives import asked
from tests.conftest import Browser, Client
from tests.wizard import Wizard, sum_of
from webapp import create_app, schema
from webapp.domain import archives, cards, profiles
from webapp.extensions import db
from webapp.jobs import archives as building


@pytest.fixture
def other_instance(tmp_path):
    """Another Kith, with keys and a database of its own."""
    app = create_app({"INSTANCE": str(tmp_path / "other"), "SITE_NAME": "Southgate"})
    app.testing = True
    app.test_client_class = Client
    with app.app_context():
        schema.upgrade()
    yield app
    with app.app_context():
        db.engine.dispose()


def test_who_is_there_is_found_by_what_they_shared(context, other_instance):
    ana = factories.member("Ana Lima", "ana@example.org")
    for name, audience in (("Ben Okafor", "connections"), ("Carl Sato", "members"), ("Dora Maas", "me")):
        first = name.split()[0].lower()
        other = factories.known(ana, name)
        profiles.add_detail(other, "email", f"{first}@home.example", audience=audience)
        cards.set_note(ana, other, "Ask about the tide")
    cards.save_detail(ana, factories.known(ana, "Eva Lind"), kind="email", value="eva@home.example", label="")
    db.session.commit()
    asked(ana)
    assert building.build_due()
    archive = b"".join(archives.pieces(ana)[1])
    db.session.rollback()
    with other_instance.app_context():
        me = factories.member("Ana Lima", "ana@example.org")
        for name in ("Ben", "Carl", "Dora", "Eva"):
            factories.member(f"{name} over there", f"{name.lower()}@home.example")
        wizard = Wizard(Browser(other_instance, me))
        page = wizard.bring(archive, "kith.zip")
    assert sum_of(page)[0] == 4
    for name in ("Ben", "Carl", "Eva"):
        assert f"{name} over there" in page.words
    assert "Dora over there" not in page.words, "she shared no address"
    rows = {row[1]: row[3] for row in wizard.report()[1:]}
    assert rows["Dora Maas"].startswith("Without an email address")
    assert "Ask about the tide" not in page.html
