"""`plenum doctor`: what is wrong is found, and each finding says what to do."""

from __future__ import annotations

import asyncio
import shutil
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from server import doctor
from server.__main__ import main
from server.doctor import Finding
from server.settings import Settings
from tests.server.running import CONFERENCE, running


def bound(kind: socket.SocketKind) -> socket.socket:
    sock = socket.socket(socket.AF_INET, kind)
    sock.bind(("127.0.0.1", 0))
    if kind == socket.SOCK_STREAM:
        sock.listen()
    return sock


def free_port() -> int:
    with bound(socket.SOCK_STREAM) as sock:
        return int(sock.getsockname()[1])


@contextmanager
def stun_server(*, mapped: str, rubbish: bytes = b"") -> Iterator[int]:
    """Answers one Binding request, or says something else."""
    with bound(socket.SOCK_DGRAM) as sock:

        def answer() -> None:
            request, sender = sock.recvfrom(2048)
            mask = struct.pack("!I", doctor.STUN_COOKIE)
            address = bytes(a ^ b for a, b in zip(socket.inet_aton(mapped), mask, strict=True))
            value = struct.pack("!BBH", 0, 1, 0) + address
            software = struct.pack("!HH", 0x8022, 3) + b"abc\0"
            body = software + struct.pack("!HH", doctor.XOR_MAPPED_ADDRESS, len(value)) + value
            sock.sendto(rubbish or struct.pack("!HH", 0x0101, len(body)) + request[4:20] + body, sender)

        thread = threading.Thread(target=answer)
        thread.start()
        yield sock.getsockname()[1]
        thread.join()


def only(findings: Iterator[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for one in findings:
        found.setdefault(one.level, []).append(one)
        assert bool(one.remedy) == (one.level != "ok"), one
    return found


def test_free_ports_are_good_and_taken_ones_are_named() -> None:
    assert set(only(doctor.check_ports(Settings(port=free_port(), media_port=0)))) == {"ok"}
    with bound(socket.SOCK_DGRAM) as media:
        number = media.getsockname()[1]
        wrong = only(doctor.check_ports(Settings(port=free_port(), media_port=number)))["error"]
    assert [f"UDP {number}" in one.found for one in wrong] == [True]


def test_the_ports_of_all_workers_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where their number is the machine's."""
    monkeypatch.setattr(doctor, "default_workers", lambda: 2)
    with bound(socket.SOCK_DGRAM) as media:
        number = media.getsockname()[1]
        (wrong,) = only(doctor.check_ports(Settings(port=free_port(), media_port=number - 1)))["error"]
    assert f"UDP {number} taken" in wrong.found


def test_a_port_that_another_program_has_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PATIENCE", 0.2)
    with bound(socket.SOCK_STREAM) as other:
        found = only(doctor.check_ports(Settings(port=other.getsockname()[1], media_port=0)))
    assert "PLENUM_PORT" in found["error"][0].remedy


async def test_a_running_server_is_known(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        port = int(run.url.rpartition(":")[2])
        found = await asyncio.to_thread(lambda: only(doctor.check_ports(Settings(port=port, media_port=0))))
    assert "running" in found["ok"][0].found and set(found) == {"ok"}


@pytest.mark.parametrize(
    ("url", "level"),
    [("", "warning"), ("http://conference.example.org", "error"), ("https://127.0.0.1:1", "error")],
)
def test_pages_without_tls_or_that_cannot_be_reached(url: str, level: str) -> None:
    found = doctor.check_tls(Settings(public_url=url))
    assert found.level == level and found.remedy


def test_a_disk_that_is_full_or_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, level in ((1 << 20, "error"), (5 << 30, "warning"), (50 << 30, "ok")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: type("Usage", (), {"free": free}))
        assert doctor.check_disk(tmp_path / "not" / "yet").level == level
    assert doctor.check_disk(Path("/proc/1")).level == "error"
    assert not list(tmp_path.iterdir())


def test_datagrams_to_oneself_arrive_and_addresses_of_others_are_said_to_be() -> None:
    found = only(doctor.check_udp(Settings(public_addresses="127.0.0.1,192.0.2.77")))
    assert "127.0.0.1" in found["ok"][0].found
    assert "192.0.2.77" in found["warning"][0].found and "UDP 8001" in found["warning"][0].remedy


def test_the_address_that_a_turn_server_sees() -> None:
    with stun_server(mapped="127.0.0.1") as port:
        found = doctor.check_turn(f"turn:127.0.0.1:{port}", ("127.0.0.1",))
    assert found.level == "ok" and "at 127.0.0.1" in found.found
    with stun_server(mapped="192.0.2.9") as port:
        found = doctor.check_turn(f"turn:127.0.0.1:{port}", ("192.0.2.1",))
    assert found.level == "warning" and "192.0.2.9" in found.found


def test_a_turn_server_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PATIENCE", 0.5)
    with stun_server(mapped="192.0.2.9", rubbish=b"x" * 40) as port:
        assert doctor.check_turn(f"turn:127.0.0.1:{port}").level == "error"
    with bound(socket.SOCK_DGRAM) as silent:
        assert doctor.check_turn(f"turn:127.0.0.1:{silent.getsockname()[1]}").level == "error"
    assert doctor.check_turn(f"turns:127.0.0.1:{free_port()}").level == "error"
    with bound(socket.SOCK_STREAM) as there:
        assert doctor.check_turn(f"turn:127.0.0.1:{there.getsockname()[1]}?transport=tcp").level == "ok"


@pytest.mark.parametrize("damaged", [False, True])
def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], damaged: bool
) -> None:
    monkeypatch.setattr(doctor, "LITTLE_DISK", 0)
    monkeypatch.setattr(doctor, "TOO_LITTLE_DISK", 0)
    monkeypatch.setenv("PLENUM_PORT", str(free_port()))
    monkeypatch.setenv("PLENUM_MEDIA_PORT", "0")
    (tmp_path / "conference.toml").write_text(CONFERENCE)
    if damaged:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "plenum.db").write_bytes(b"no database" * 1000)
    for options in ([], ["--json"]):
        with pytest.raises(SystemExit) as left:
            main(["doctor", "-C", str(tmp_path), *options])
        out = capsys.readouterr().out
        assert left.value.code == int(damaged), out
    told = msgspec.json.decode(out)
    assert told["works"] is not damaged
    assert {one["check"] for one in told["findings"]} == {"ports", "tls", "clock", "disk", "udp", "database"}
    assert [one["level"] for one in told["findings"] if one["check"] == "database"] == ["error" if damaged else "ok"]


def test_the_command_looks_at_redis_where_there_are_several_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("PLENUM_DATABASE_URL", f"postgresql://plenum:hemligt@{nowhere}/plenum")
    monkeypatch.setenv("PLENUM_REDIS_URL", f"redis://:hemligt@{nowhere}/0")
    monkeypatch.setenv("PLENUM_SECRET", "s" * 32)
    monkeypatch.setenv("PLENUM_PORT", str(free_port()))
    monkeypatch.setenv("PLENUM_MEDIA_PORT", "0")
    (tmp_path / "conference.toml").write_text(CONFERENCE)
    with pytest.raises(SystemExit):
        main(["doctor", "-C", str(tmp_path), "--json"])
    out = capsys.readouterr().out
    found = {one["check"]: one for one in msgspec.json.decode(out)["findings"]}
    for what, variable in (("database", "PLENUM_DATABASE_URL"), ("redis", "PLENUM_REDIS_URL")):
        assert found[what]["level"] == "error" and variable in found[what]["remedy"]
    assert "hemligt" not in out
