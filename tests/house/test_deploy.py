"""What deploy/ says is true of the code: settings, commands and files that it names are there."""

import re
import tomllib
from configparser import ConfigParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from webapp import config, databases, serve
from webapp.cli import kith

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = sorted(path.name for path in DEPLOY.iterdir())


def words_of(line):
    """A command line as the command and its options: `serve --port 8000` has `--port`."""
    command, *rest = line.split()
    return command, [word for word in rest if word.startswith("--")]


def check_command(line):
    name, options = words_of(line)
    known = {option for each in kith.commands[name].params for option in each.opts}
    assert set(options) <= known, line


@pytest.mark.parametrize("name", FILES)
def test_every_setting_that_is_named_is_one(name):
    text = (DEPLOY / name).read_text(encoding="utf-8")
    assert set(re.findall(r"KITH_([A-Z_]+)", text)) <= config.TABLE.keys()
    for given in re.findall(r"\b([a-z_]+) = ", "\n".join(line for line in text.splitlines() if "config.toml" in line)):
        assert given.upper() in config.TABLE


def test_the_unit_runs_a_command_that_exists_and_may_write_to_one_place():
    unit = (DEPLOY / "kith.service").read_text(encoding="utf-8")
    [line] = re.findall(r"^ExecStart=/opt/kith/\.venv/bin/kith (.*)$", unit, re.MULTILINE)
    check_command(line)
    assert "ProtectSystem=strict" in unit
    assert "StateDirectory=kith\n" in unit
    assert "ReadWritePaths" not in unit


def test_the_container_copies_what_there_is_and_runs_a_command_that_exists():
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            *sources, _target = line.split()[1:]
            assert all((ROOT / source).exists() for source in sources), line
    [command] = [line for line in lines if line.startswith("CMD [")]
    check_command(" ".join(re.findall(r'"([^"]+)"', command)))
    assert lines.index("USER kith") < lines.index(command)
    [wheel] = re.findall(r"bootstrap/(pip-\S+?\.whl)", "\n".join(lines))
    assert (ROOT / "bootstrap" / wheel).exists()


def test_whatever_starts_it_spares_memory_as_it_is_measured():
    """See `AS_A_UNIT` in tests/bench/serving.py."""
    for name in ("deploy/kith.service", "deploy/Dockerfile", "Makefile"):
        assert "MALLOC_ARENA_MAX=2" in (ROOT / name).read_text(encoding="utf-8"), name


def test_the_container_has_the_version_and_everything_compiled():
    """It is not installed there, so its metadata is not; and what cannot be written later would be compiled at each start."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == config.VERSION
    assert "importlib.metadata" not in "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("webapp/**/*.py"))
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "--no-compile" not in "".join(lines)
    copied = max(number for number, line in enumerate(lines) if line.startswith("COPY "))
    assert copied < lines.index("RUN /opt/venv/bin/python -m compileall -q /opt/kith") < lines.index("USER kith")


def test_the_composition_is_sealed_and_its_commands_exist():
    text = (DEPLOY / "compose.yml").read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    for service in found["services"].values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists()
        assert {volume.partition(":")[0] for volume in service["volumes"]} <= found["volumes"].keys()
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    for line in re.findall(r"run --rm kith (.*)$", text, re.MULTILINE):
        check_command(re.sub(r'"[^"]*"', "text", line))


def test_the_large_composition_has_every_part_and_its_settings_lead_to_them():
    text = (DEPLOY / "compose.large.yml").read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    services = found["services"]
    assert {
        "postgres",
        "replica",
        "pgbouncer",
        "redis",
        "web-1",
        "web-2",
        "worker-1",
        "worker-2",
        "caddy",
    } <= services.keys()
    ours = {name: each for name, each in services.items() if "KITH_BASE_URL" in each.get("environment", {})}
    assert ours.keys() == {"kith", "web-1", "web-2", "worker-1", "worker-2"}
    for service in ours.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert {volume.partition(":")[0] for volume in service["volumes"]} <= found["volumes"].keys()
        settings = service["environment"]
        assert settings["KITH_DATABASE_POOLED"] == "true"
        named = [name for name in settings if name.endswith("_URL") and name != "KITH_BASE_URL"]
        assert {
            urlsplit(settings[name].replace("${", "").replace(":?}", "")).hostname for name in named
        } <= services.keys()
        if "command" in service:
            check_command(" ".join(service["command"]))
    with_ports = {name for name, each in services.items() if "ports" in each}
    assert with_ports == {"caddy"}, "nothing else is reached from outside"
    for service in services.values():
        for volume in service.get("volumes", ()):
            where = volume.partition(":")[0]
            assert (DEPLOY / where).exists() if where.startswith(".") else where in found["volumes"]
        assert service.get("depends_on", {}).keys() <= services.keys()
    for line in re.findall(r"run --rm kith (.*)$", text, re.MULTILINE):
        check_command(re.sub(r'"[^"]*"', "text", line))
    proxy = (DEPLOY / "Caddyfile.large").read_text(encoding="utf-8")
    assert set(re.findall(r"(\S+):8000", proxy)) == {"web-1", "web-2"}
    pool = ConfigParser(comment_prefixes=(";",))
    pool.read(DEPLOY / "pgbouncer.ini")
    assert pool["pgbouncer"]["pool_mode"] == "transaction"
    assert float(pool["pgbouncer"]["query_wait_timeout"]) < databases.FREE_SECONDS, "else a server's end holds up pages"
    assert "host=postgres " in pool["databases"]["kith"]


def test_proxies_pass_on_one_address_and_count_for_nobody_outside():
    for name in ("nginx.conf", "Caddyfile", "Caddyfile.large"):
        text = (DEPLOY / name).read_text(encoding="utf-8")
        assert "/metrics" in text
        assert re.search(r"X-Forwarded-For (\$remote_addr|\{remote_host\})", text), name
        assert "trusted_proxies = 1" in text


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile", "Caddyfile.large"])
def test_proxies_close_an_idle_connection_before_kith_does(name):
    """Else what a member sends at that very moment is lost, and a proxy may not send it twice."""
    (seconds,) = re.findall(r"keepalive(?:_timeout)? (\d+)s", (DEPLOY / name).read_text(encoding="utf-8"))
    assert int(seconds) < serve.KEEPALIVE_SECONDS
