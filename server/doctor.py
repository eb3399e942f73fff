"""What keeps a conference from working on this machine, each with its remedy: ports, TLS, clock, disk, the media's ways.
Every check is on its own, bounded in time, and leaves nothing behind. Neighbour: `cli/doctor`, which prints them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import socket
import ssl
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from msgspec import Struct

from live.port import announced
from live.processors import default_workers
from server.settings import Settings

Level = Literal["ok", "warning", "error"]

PATIENCE: Final = 5.0  # seconds for each answer from elsewhere
LITTLE_DISK: Final = 10 << 30  # a day's recordings
TOO_LITTLE_DISK: Final = 1 << 30
CERTIFICATE_DAYS: Final = 14
TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised
TIMEX_BYTES: Final = 512  # more than `struct timex` has anywhere
STUN_COOKIE: Final = 0x2112A442  # RFC 8489, 5
XOR_MAPPED_ADDRESS: Final = 0x0020


class Finding(Struct, frozen=True):
    """What was found; `remedy` is empty where nothing needs to be done."""

    check: str
    level: Level
    found: str
    remedy: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything but the database, which takes an event loop."""
    yield from check_ports(settings)
    yield check_tls(settings)
    yield check_clock()
    yield check_disk(settings.data)
    yield from check_udp(settings)
    for server in settings.turn_servers:
        yield check_turn(server, settings.media_hosts)


def check_ports(settings: Settings) -> Iterator[Finding]:
    """A port is free, or it is the running server's own."""
    host, port = settings.host, settings.port
    if is_free(host, port, socket.SOCK_STREAM):
        yield Finding("ports", "ok", f"pages: {host}, port {port} is free")
    elif _is_plenum(host, port):
        yield Finding("ports", "ok", f"pages: a server is running on port {port}; the media's ports are its own")
        return
    else:
        remedy = "end what listens there (ss -ltnp), or set PLENUM_PORT and PLENUM_HOST"
        yield Finding("ports", "error", f"pages: {host}, port {port} cannot be had", remedy)
    last = settings.media_port + (settings.media_workers or default_workers()) - 1
    taken = [f"UDP {n}" for n in range(settings.media_port, last + 1) if n and not is_free("", n, socket.SOCK_DGRAM)]
    if settings.media_port and not is_free("", settings.media_port, socket.SOCK_STREAM):
        taken.append(f"TCP {settings.media_port}")
    if taken:
        yield Finding(
            "ports", "error", f"media: {', '.join(taken)} taken", "end what has them (ss -lunp), or set PLENUM_MEDIA_PORT"
        )
    else:
        yield Finding("ports", "ok", f"media: port {settings.media_port or 'any'} is free for UDP and TCP")


def check_tls(settings: Settings) -> Finding:
    """Browsers give camera and microphone to https: and localhost only."""
    parts = urlsplit(settings.url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        if host in ("localhost", "127.0.0.1", "::1"):
            return Finding(
                "tls", "warning", f"{settings.url} works on this machine only", "for others, set PLENUM_PUBLIC_URL=https://…"
            )
        remedy = "put a proxy with a certificate in front, and set PLENUM_PUBLIC_URL=https://…"
        return Finding("tls", "error", f"{settings.url} is no https: browsers will give no camera and microphone", remedy)
    port = parts.port or 443
    try:
        with (
            socket.create_connection((host, port), PATIENCE) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secure,
        ):
            expires = str((secure.getpeercert() or {}).get("notAfter", ""))
    except ssl.SSLCertVerificationError as error:
        return Finding(
            "tls", "error", f"{host}: {error.verify_message}", "get a certificate that browsers trust, with its whole chain"
        )
    except OSError as error:
        remedy = (
            "start the proxy, open the port, and let the name lead to it; from inside some networks this cannot be tested"
        )
        return Finding("tls", "error", f"{host}, port {port}: {error.strerror or error}", remedy)
    days = int((ssl.cert_time_to_seconds(expires) - time.time()) / 86_400)
    if days < CERTIFICATE_DAYS:
        return Finding("tls", "warning", f"the certificate of {host} ends in {days} days", "renew it; does its renewal run?")
    return Finding("tls", "ok", f"the certificate of {host} is good for {days} days")


def check_clock() -> Finding:
    """The kernel knows whether somebody sets its clock (adjtimex, which changes nothing with `modes` 0)."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (OSError, AttributeError):
        state = -1
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if state == TIME_ERROR:
        return Finding(
            "clock",
            "warning",
            f"{now}, and nobody keeps it right",
            "run chrony or systemd-timesyncd: timedatectl set-ntp true",
        )
    if state < 0:
        return Finding(
            "clock", "warning", f"{now}; this system does not say whether it is kept right", "compare it with a good clock"
        )
    return Finding("clock", "ok", f"{now}, synchronised")


def check_disk(data: Path) -> Finding:
    """There is room, and what is written is there."""
    place = next(one for one in (data, *data.parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"plenum")
            file.flush()
            os.fsync(file.fileno())
        free = shutil.disk_usage(place).free
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "make room" if full else "let the user that runs the server write there"
        return Finding("disk", "error", f"{place}: {error.strerror}", remedy)
    found = f"{free / (1 << 30):.1f} GiB free at {place}"
    if free < TOO_LITTLE_DISK:
        return Finding("disk", "error", found, "make room: what cannot be saved is refused")
    if free < LITTLE_DISK:
        return Finding("disk", "warning", found, "recordings take about 1 GiB an hour and session: make room")
    return Finding("disk", "ok", found)


def check_udp(settings: Settings) -> Iterator[Finding]:
    """A datagram to every announced address arrives, as far as that can be tried from here."""
    hosts = announced(settings.media_hosts)
    if not settings.media_hosts and not any(urlsplit(settings.url).hostname == name for name in ("localhost", "127.0.0.1")):
        yield Finding(
            "udp",
            "warning",
            f"announced are {', '.join(hosts)}",
            "behind NAT, set PLENUM_PUBLIC_ADDRESSES to the outside address",
        )
    ports = f"UDP {settings.media_port} and the following, TCP {settings.media_public_tcp_port or settings.media_port}"
    for host in hosts:
        if not is_own(host):
            remedy = f"let the router or firewall pass {ports} to this machine; then try the device check from outside"
            yield Finding("udp", "warning", f"{host} is not this machine's own and cannot be tried from here", remedy)
        elif arrives(host):
            yield Finding("udp", "ok", f"{host}: a datagram arrives")
        else:
            yield Finding(
                "udp", "error", f"{host}: a datagram from this machine to itself is lost", f"let the firewall pass {ports}"
            )


def check_turn(url: str, hosts: tuple[str, ...] = ()) -> Finding:
    """A TURN server answers: over UDP with the address it sees us at (STUN Binding), over TCP by taking the connection."""
    scheme, _, rest = url.partition(":")
    place, _, transport = rest.partition("?transport=")
    host, _, port = place.rpartition(":") if not place.endswith("]") and ":" in place else (place, "", "")
    target = host.strip("[]"), int(port or (5349 if scheme == "turns" else 3478))
    try:
        if scheme == "turns" or transport == "tcp":
            socket.create_connection(target, PATIENCE).close()
            return Finding("turn", "ok", f"{url} takes connections")
        seen = binding(target)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no answer"
        return Finding(
            "turn",
            "error",
            f"{url}: {reason}",
            "start coturn, and open its port for UDP and TCP in the firewalls on the way",
        )
    if hosts and ":" not in seen and seen not in hosts and not is_own(seen):
        return Finding("turn", "warning", f"{url} sees this machine at {seen}", "is that to be in PLENUM_PUBLIC_ADDRESSES?")
    return Finding("turn", "ok", f"{url} answers over UDP, and sees this machine at {seen}")


def binding(target: tuple[str, int]) -> str:
    """The address from which a STUN server hears us (RFC 8489, 14.2). Raises `OSError`, or `ValueError` for rubbish."""
    family, kind, _, _, address = socket.getaddrinfo(*target, type=socket.SOCK_DGRAM)[0]
    key = secrets.token_bytes(12)
    with socket.socket(family, kind) as sock:
        sock.settimeout(PATIENCE / 5)
        sock.connect(address)
        for attempt in range(5):  # datagrams get lost
            sock.send(struct.pack("!HHI", 1, 0, STUN_COOKIE) + key)
            try:
                return _mapped(sock.recv(2048), key)
            except TimeoutError:
                if attempt == 4:
                    raise
    raise TimeoutError


def _mapped(answer: bytes, key: bytes) -> str:
    if len(answer) < 20 or answer[:2] != b"\x01\x01" or answer[8:20] != key:
        raise ValueError("no answer to a STUN request")
    at = 20
    while at + 4 <= len(answer):
        kind, length = struct.unpack_from("!HH", answer, at)
        value = answer[at + 4 : at + 4 + length]
        if kind == XOR_MAPPED_ADDRESS and len(value) in (8, 20):
            mask = struct.pack("!I", STUN_COOKIE) + key
            raw = bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))
            return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
        at += 4 + length + (-length % 4)
    raise ValueError("no address in the answer")


def is_free(host: str, port: int, kind: socket.SocketKind) -> bool:
    try:
        family, _, _, _, address = socket.getaddrinfo(host or "0.0.0.0", port, type=kind)[0]
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do after a restart
            probe.bind(address)
    except OSError:
        return False
    return True


def is_own(host: str) -> bool:
    return is_free(host, 0, socket.SOCK_DGRAM)


def arrives(host: str) -> bool:
    """Whether a datagram gets from this machine to its own address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as here, socket.socket(family, socket.SOCK_DGRAM) as there:
        here.bind((host, 0))
        here.settimeout(PATIENCE)
        token = secrets.token_bytes(8)
        try:
            there.sendto(token, here.getsockname())
            return here.recv(64) == token
        except OSError:
            return False


def _is_plenum(host: str, port: int) -> bool:
    import http.client

    connection = http.client.HTTPConnection({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, timeout=PATIENCE)
    try:
        connection.request("GET", "/readyz")
        return b'"missing"' in connection.getresponse().read(1000)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
