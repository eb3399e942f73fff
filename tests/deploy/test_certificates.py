"""Certificates that come by themselves, with real programs: certbot, the proxy, and an authority for tests (Pebble)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography import x509

from tests.deploy.certificate import make_certificate
from tests.deploy.proxying import DEPLOY, MISSING, NAME, WHY, Proxy, a_proxy, free_port

TOOLS = ("certbot", "pebble", "pebble-challtestsrv")
ABSENT = [*MISSING, *(tool for tool in TOOLS if shutil.which(tool) is None)]

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(bool(ABSENT), reason=f"{', '.join(ABSENT)} missing; on Debian: apt install certbot pebble; {WHY}"),
]


@contextlib.asynccontextmanager
async def running(log: Path, *command: str | Path, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    variables = {"PATH": os.environ["PATH"], **environment}
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(*command, env=variables, stdout=out, stderr=out)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(60):
            await process.wait()


@contextlib.asynccontextmanager
async def an_authority(folder: Path, port: int, plain: int) -> AsyncIterator[None]:
    """Pebble, for which every name is this machine and port 80 is `plain`. What it signs is good for a day, and so has to be
    renewed at once."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        names = f"127.0.0.1:{probe.getsockname()[1]}"
    pebble = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{free_port()}",
        "certificate": str(folder / "fullchain.pem"),
        "privateKey": str(folder / "privkey.pem"),
        "httpPort": plain,
        "tlsPort": free_port(),
        "certificateValidityPeriod": 86_400,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": pebble}))
    off = ("-http01", "", "-https01", "", "-tlsalpn01", "", "-management", f"127.0.0.1:{free_port()}")
    name_server = ("pebble-challtestsrv", "-dns01", names, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", *off)
    authority = ("pebble", "-config", folder / "pebble.json", "-dnsserver", names)
    settings = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
    log = folder / "authority.log"
    async with running(log, *name_server), running(log, *authority, **settings):
        yield


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(100):
        while not condition():  # noqa: ASYNC110  # another process's doing
            await asyncio.sleep(0.05)


async def shown(proxy: Proxy, other_than: bytes) -> bytes:
    """The certificate that the proxy shows once it shows another."""
    async with asyncio.timeout(100):
        while (found := await proxy.certificate()) == other_than:  # noqa: ASYNC110  # likewise
            await asyncio.sleep(0.1)
    return found


async def test_they_are_obtained_as_soon_as_they_can_be_and_renewed(tmp_path: Path) -> None:
    make_certificate(tmp_path, "authority")
    port, turn = free_port(), f"turn.{NAME}"
    async with a_proxy({}) as proxy:
        placeholder = await proxy.certificate()
        log = tmp_path / "certificates.log"
        settings = {
            "HOST_NAME": NAME,
            "TURN_NAME": turn,
            "ACME_EMAIL": "it@example.org",
            "ACME_SERVER": f"https://127.0.0.1:{port}/dir",
            "REQUESTS_CA_BUNDLE": str(tmp_path / "fullchain.pem"),
            "CERTIFICATES_GIVEN": str(proxy.folder / "given"),
            "CERTIFICATES_OUT": str(proxy.folder / "obtained"),
            "CERTIFICATES_CHALLENGES": str(proxy.folder / "challenges"),
            "CERTIFICATES_AGAIN": "0.2",
            "CERTIFICATES_PAUSE": "0.2",
        }
        async with running(log, DEPLOY / "certificates", **settings):
            await until(lambda: "none could be had" in log.read_text())  # there is no authority yet
            assert await proxy.certificate() == placeholder
            async with an_authority(tmp_path, port, proxy.plain):
                first = await shown(proxy, placeholder)
                second = await shown(proxy, first)
            for found in map(x509.load_der_x509_certificate, (first, second)):
                assert "Pebble" in found.issuer.rfc4514_string()
                names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
                assert set(names.get_values_for_type(x509.DNSName)) == {NAME, turn}
            files = [proxy.folder / "obtained" / name for name in ("privkey.pem", "fullchain.pem")]
            assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


async def test_where_one_was_given_no_authority_is_asked(tmp_path: Path) -> None:
    given, programs = tmp_path / "given", tmp_path / "programs"
    given.mkdir()
    programs.mkdir()
    asked, slept = tmp_path / "asked", tmp_path / "slept"
    make_certificate(given, NAME)
    (programs / "certbot").write_text(f"#!/bin/sh\ntouch {asked}\nexit 1\n")
    (programs / "sleep").write_text(f'#!/bin/sh\necho "$1" >>{slept}\nexec /bin/sleep 0.05\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOST_NAME": NAME, "CERTIFICATES_GIVEN": str(given)}
    async with running(tmp_path / "log", DEPLOY / "certificates", **environment):
        await until(lambda: slept.exists() and slept.read_text().count("43200") > 1)
        assert not asked.exists()
        (given / "fullchain.pem").unlink()
        await until(lambda: asked.exists() and "900" in slept.read_text())  # no oftener than an authority puts up with
