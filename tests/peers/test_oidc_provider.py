"""The consent against another team's certified server: it notices what a pair built on one library cannot."""

import pytest

from tests.providers.fixtures import settings_for
from tests.providers.suite import ConsentSuite
from webapp import create_app


@pytest.fixture(scope="module")
def _house(peer, tmp_path_factory):
    return create_app({"INSTANCE": str(tmp_path_factory.mktemp("house") / "instance")} | settings_for(peer))


class TestCertifiedProvider(ConsentSuite):
    """The suite against oidc-provider."""

    @pytest.fixture
    def server(self, peer):
        return peer

    @pytest.fixture
    def house(self, _house):
        before = dict(_house.config["KITH"])
        with _house.app_context():
            yield _house
        _house.config["KITH"] = before
