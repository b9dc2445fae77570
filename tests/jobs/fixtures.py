"""Mail that really leaves: an application with a mail server."""

import pytest

from tests import smtp


@pytest.fixture
def sink(app, setting):
    """A mail server that the application hands its mail to."""
    with smtp.listening() as found:
        setting(SMTP_URL=found.url)
        yield found
