"""What a start makes, and what it leaves for later."""

import gc
import subprocess
import sys

from tests import programs
from webapp.once import everything_stays

LATER = {
    "alembic",
    "authlib",
    "dns",
    "joserfc",
    "PIL",
    "radicale",
    "redis",
    "requests",
    "urllib3",
    "webauthn",
    "zxcvbn",
}
"""What only some requests need. Each takes time of a start, and memory of a process that rests."""
START = """
import sys
from webapp import create_app, serve
app = create_app()
assert app.test_client().get("/livez").status_code == 200
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_a_start_loads_nothing_that_only_some_requests_need(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", START],
        env=programs.environment({"INSTANCE": str(tmp_path), "LOG_REQUESTS": "0"}),
        capture_output=True,
        text=True,
        check=True,
        timeout=programs.PATIENCE,
    )
    loaded = set(done.stdout.split())
    assert {"flask", "sqlalchemy"} <= loaded
    assert not loaded & LATER


def test_nothing_is_thrown_away_while_everything_stays_and_afterwards_as_before():
    gc.enable()
    with everything_stays():
        assert not gc.isenabled()
        with everything_stays():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
