"""WHIP and WHEP with software that is not ours, over HTTP and with real media: aiortc's own peer connection, and GStreamer's
`webrtcbin`, each as speaker and as player."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urljoin

import pytest
import pytest_asyncio

from live.engine import EmbeddedEngine
from tests.live.clients import Client, Picture, Tone, prefer
from tests.server.running import Running, running, until

PYTHON: Final = "/usr/bin/python3"  # the system's: GStreamer's bindings are part of it, and of no virtual environment
SCRIPT: Final = Path(__file__).with_name("gstreamer_client.py")
ELEMENTS: Final = (
    "webrtcbin nicesrc dtlssrtpdec srtpenc vp8enc vp8dec openh264enc openh264dec opusenc opusdec rtpvp8pay h264parse"
)
WANTED: Final = f"""
import gi
for name in ("Gst", "GstSdp", "GstWebRTC"): gi.require_version(name, "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC
Gst.init(None)
missing = [name for name in "{ELEMENTS}".split() if not Gst.ElementFactory.find(name)]
if missing: raise SystemExit(f"no {{', '.join(missing)}}")
"""

Purpose = Literal["whip", "whep"]
Codec = Literal["VP8", "H264"]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def gstreamer() -> None:
    """Skips the test where GStreamer, or a part of it that is needed, is not installed."""
    try:
        subprocess.run((PYTHON, "-c", WANTED), check=True, capture_output=True, text=True, timeout=120)
    except FileNotFoundError:
        pytest.skip(f"no {PYTHON}, which GStreamer's bindings belong to")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"GStreamer with WebRTC is not installed (`make install-dev` says how): {error.stderr.strip()[-200:]}")


@pytest_asyncio.fixture
async def run(tmp_path: Path) -> AsyncIterator[Running]:
    """A server with a real media engine, and a session that is live."""
    async with EmbeddedEngine() as engine, running(tmp_path, engine=engine) as run:
        await run.go_live()
        yield run


class Gstreamer:
    """GStreamer in a process of its own. `counts`: buffers decoded so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.is_connected = False
        self.counts = {"video": 0, "audio": 0}
        self.deleted = 0
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said: dict[str, Any] = json.loads(line)
            assert "error" not in said, said
            self.is_connected = self.is_connected or "connected" in said
            self.deleted = said.get("deleted", self.deleted)
            self.counts.update({kind: said[kind] for kind in self.counts if kind in said})

    async def until_connected(self) -> None:
        await self._until(lambda: self.is_connected)

    async def until_counted(self, more: int = 20) -> None:
        """Waits until so many more pictures and as many pieces of sound were decoded."""
        before = dict(self.counts)
        await self._until(lambda: all(self.counts[kind] >= before[kind] + more for kind in before))

    async def _until(self, condition: Callable[[], bool]) -> None:
        await until(lambda: self._reader.done() or condition())
        assert not self._reader.done(), self._reader.exception() or "GStreamer ended"

    async def leave(self) -> None:
        """Lets it delete its resource and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(60):
            await self._reader
            await self._process.wait()

    async def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)


class Software:
    """What came by WHIP and WHEP in a test."""

    def __init__(self, run: Running) -> None:
        self._run = run
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Software:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def gstreamer(self, purpose: Purpose, person: str, codec: Codec) -> Gstreamer:
        url, token = await self._way_in(purpose, person)
        process = await asyncio.create_subprocess_exec(
            PYTHON, SCRIPT, purpose, url, token, codec, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        client = Gstreamer(process)
        self._stack.push_async_callback(client.end)
        await client.until_connected()
        return client

    async def aiortc(self, purpose: Purpose, person: str, codec: Codec) -> tuple[Client, str]:
        """A connected client and the address of its resource."""
        url, token = await self._way_in(purpose, person)
        client = Client()
        self._stack.push_async_callback(client.close)
        sources = (Picture(60), Tone()) if purpose == "whip" else ("video", "audio")
        for source in sources:
            client.connection.addTransceiver(source, direction="sendonly" if purpose == "whip" else "recvonly")
        prefer(client.connection, codec)
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
        async with await self._run.browser() as http:
            answer = await http.post(url, content=await client.offer(), headers=headers)
            assert answer.status_code == 201, answer.text
        await client.accept(answer.text)
        await client.connected()
        return client, urljoin(url, answer.headers["Location"])

    async def delete(self, purpose: Purpose, person: str, location: str) -> int:
        _, token = await self._way_in(purpose, person)
        async with await self._run.browser() as http:
            return (await http.delete(location, headers={"Authorization": f"Bearer {token}"})).status_code

    async def _way_in(self, purpose: Purpose, person: str) -> tuple[str, str]:
        return f"{self._run.url}/{purpose}/plenum", await self._run.services.identity.media_token("plenum", person, purpose)


async def received(player: Client, count: int) -> None:
    """Waits until aiortc has decoded so many pictures and as many pieces of sound."""
    assert len(player.connection.getTransceivers()) == 2
    await player.until(lambda: len(player.frames) == 2 and min(player.frames.values()) >= count)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_aiortc_publishes_and_aiortc_watches(run: Running, codec: Codec) -> None:
    async with Software(run) as software:
        speaker, resource = await software.aiortc("whip", "siri", codec)
        player, seat = await software.aiortc("whep", "anna", codec)
        await received(player, 20)
        assert await software.delete("whep", "anna", seat) == 200
        await player.ended()
        assert await software.delete("whip", "siri", resource) == 200
        await speaker.ended()
        assert not run.services.streams.room("s1").stage


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_gstreamer_publishes_and_both_watch(run: Running, gstreamer: None, codec: Codec) -> None:
    """Those who come later need a key frame, which this encoder makes when it is asked."""
    async with Software(run) as software:
        speaker = await software.gstreamer("whip", "siri", codec)
        player = await software.gstreamer("whep", "anna", codec)
        await player.until_counted()
        late, _ = await software.aiortc("whep", "bo", codec)
        await received(late, 20)
        await player.until_counted()
        for client in (player, speaker):
            await client.leave()
            assert client.deleted == 200
        assert not run.services.streams.room("s1").stage


async def test_aiortc_publishes_and_gstreamer_watches(run: Running, gstreamer: None) -> None:
    async with Software(run) as software:
        await software.aiortc("whip", "siri", "VP8")
        player = await software.gstreamer("whep", "anna", "VP8")
        await player.until_counted()
        await player.leave()
        assert player.deleted == 200
