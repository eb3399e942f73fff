"""The proxy as production has it, `tools/deploy/proxy` with its nginx.conf, at other addresses and in a folder of its
own."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import re
import shutil
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
DEPLOY: Final = ROOT / "tools" / "deploy"
NAME: Final = "conference.example.org"
PLACES: Final = ("node-1:8000", "node-2:8000", "node-1:8001", "node-2:8011", "turn:3478")  # that nginx.conf leads to

MISSING: Final = [program for program in ("nginx", "openssl") if shutil.which(program) is None] + [
    name for name in ("stream", "stream_js") if not glob.glob(f"/usr/lib/nginx/modules/ngx_{name}_module.so")
]
WHY: Final = f"{', '.join(MISSING)} missing; on Debian: apt install nginx libnginx-mod-stream libnginx-mod-stream-js openssl"


class Proxy:
    """`folder`: its certificates in `given` and `obtained`, and `challenges`; `port` is for TLS and media, `plain` what
    port 80 is."""

    def __init__(self, folder: Path, host: str, port: int, plain: int) -> None:
        self.folder, self.host, self.port, self.plain = folder, host, port, plain

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @contextlib.asynccontextmanager
    async def talk(self, name: str = NAME) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection by TLS, whatever the certificate."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        async with asyncio.timeout(60):
            reader, writer = await asyncio.open_connection(self.host, self.port, ssl=context, server_hostname=name)
            try:
                yield reader, writer
            finally:
                writer.transport.abort()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def certificate(self) -> bytes:
        """What it shows now (DER)."""
        async with self.talk() as (_, writer):
            shown: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
            return shown

    async def get(self, path: str, name: str = NAME, **headers: str) -> bytes:
        return await self.ask("GET", path, name, **headers)

    async def ask(self, method: str, path: str, name: str = NAME, **headers: str) -> bytes:
        """The whole answer to a request by HTTP/1.1, without a body."""
        more = "".join(f"{key.replace('_', '-')}: {value}\r\n" for key, value in headers.items())
        async with self.talk(name) as (reader, writer):
            writer.write(f"{method} {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n{more}\r\n".encode())
            return await reader.read()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def configuration(folder: Path, listen: Mapping[str, str], places: Mapping[str, str]) -> str:
    """nginx.conf with other addresses and folders, and nothing else."""
    text = (DEPLOY / "nginx.conf").read_text()
    changes = {f"listen {port};": f"listen {address};" for port, address in listen.items()}
    changes |= {f"{place}": address for place, address in places.items()}
    changes |= {"/run/plenum": str(folder / "run"), "/etc/plenum": str(DEPLOY), "/challenges": str(folder / "challenges")}
    changes["worker_processes auto;"] = "worker_processes 2; user root;"  # in a container nobody is root, and that is all
    for old, new in changes.items():
        assert len(re.findall(re.escape(old), text)), old
        text = text.replace(old, new)
    return text


@contextlib.asynccontextmanager
async def a_proxy(
    places: Mapping[str, str], host: str = "127.0.0.1", ports: tuple[int, int] | None = None, **environment: str
) -> AsyncIterator[Proxy]:
    """`places`: where what nginx.conf names is; nobody is where nothing is said. `ports`: for 443 and 80."""
    ports = ports or (free_port(), free_port())
    nowhere = {place: "127.0.0.1:9" for place in PLACES}
    with tempfile.TemporaryDirectory(prefix="plenum-") as name:  # short: sockets' names have to be
        folder = Path(name)
        for part in ("given", "obtained", "challenges", "run"):
            (folder / part).mkdir()
        listen = {"443": f"{host}:{ports[0]}", "80": f"{host}:{ports[1]}"}
        (folder / "nginx.conf").write_text(configuration(folder, listen, nowhere | dict(places)))
        variables = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "PROXY_RUN": str(folder / "run"),
            "PROXY_CERTIFICATES": f"{folder / 'given'} {folder / 'obtained'}",
            "PROXY_CONFIGURATION": str(folder / "nginx.conf"),
            "PROXY_LOOKS": "0.2",
            "HOST_NAME": NAME,
            **environment,
        }
        with (folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(DEPLOY / "proxy", env=variables, stdout=log, stderr=log)
        proxy = Proxy(folder, host, *ports)
        try:
            await _until_it_listens(proxy, process)
            yield proxy
        finally:
            process.terminate()
            async with asyncio.timeout(60):
                await process.wait()


async def _until_it_listens(proxy: Proxy, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(OSError):
                await proxy.certificate()
                return
            assert process.returncode is None, proxy.log
            await asyncio.sleep(0.05)
