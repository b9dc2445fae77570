"""What the tests of trust use: providers, a mail server, a browser, and Ana and Ben."""

from tests.browser.fixtures import *  # noqa: F403 - fixtures are found by name
from tests.domain.fixtures import *  # noqa: F403
from tests.jobs.fixtures import *  # noqa: F403
from tests.providers.fixtures import *  # noqa: F403
from tests.serving import served  # noqa: F401
