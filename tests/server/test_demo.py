"""`plenum demo` as a newcomer starts it: a real process with its own server, speaker, moderator and audience."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame
from websockets.asyncio.client import connect

from server.demo.preparation import import_people, settings_of, write_conference
from server.demo.programme import FIRST_SESSION, TIME_ZONE
from server.demo.tab import Tab
from server.demo.viewer import Viewer
from server.demo.visitor import Visitor
from server.identity import COOKIE
from tests.live.clients import Client, Picture, all_closed
from tests.server.running import PATIENCE_SECONDS
from tests.server.running import until as eventually
from tests.server.test_demo_parts import read_clock

ATTENDEES = 10
STARTS_WITHIN = 60.0  # a loaded machine; usually it takes five
STOPS_WITHIN = 60.0  # as above


@dataclass
class Demo:
    """A demonstration that runs: its process, its links, and every process it has started."""

    process: subprocess.Popen[bytes]
    links: dict[str, Any]
    url: str

    def family(self) -> set[int]:
        """The process ids of all descendants."""
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        parents = {int(pid): int(parent) for pid, parent in (line.split() for line in listed.splitlines())}
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found - {self.process.pid}

    @contextlib.contextmanager
    def signed_in(self, who: str) -> Iterator[tuple[httpx.Client, httpx.Response]]:
        """A browser that has opened a link, and the page it came to."""
        with httpx.Client(timeout=60, follow_redirects=True, headers={"Origin": self.url}) as browser:
            yield browser, browser.get(self.links[who])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(port: int, *more: str) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-m", "server", "demo", f"--port={port}", f"--attendees={ATTENDEES}", "--no-browser", *more]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@contextlib.contextmanager
def running(tmp_path: Path, *more: str) -> Iterator[Demo]:
    """Starts a demonstration, waits for its links, and makes sure that it ends."""
    port, file = free_port(), tmp_path / "links.json"
    with start(port, f"--links-json={file}", *more) as process:
        try:
            until(lambda: file.exists() or process.poll() is not None, STARTS_WITHIN)
            assert process.poll() is None, process.communicate()[1].decode()
            yield Demo(process, json.loads(file.read_text()), f"http://localhost:{port}")
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=STOPS_WITHIN)
            process.kill()


def until(condition: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """False for a zombie too: it has ended, and waits for a parent that is gone to notice."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(found.strip()) and not found.strip().startswith("Z")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("demo")) as found:
        yield found


# --- what a newcomer finds ---


@pytest.mark.parametrize(("who", "page"), [("attendee", "/lobby"), ("moderator", "/desk"), ("board", "/board")])
def test_links_open_on_the_pages_they_are_for(demo: Demo, who: str, page: str) -> None:
    with demo.signed_in(who) as (browser, lobby):
        assert (lobby.status_code, lobby.url.path) == (200, "/lobby")
        assert browser.get(demo.url + page).status_code == 200


def test_the_lobby_shows_a_conference_in_swedish(demo: Demo) -> None:
    with demo.signed_in("attendee") as (_, lobby):
        for words in ("Vårkonferensen", "Årsmöte", "Gemensam eftermiddag", "Lunch"):
            assert words in lobby.text


async def test_a_newcomer_sees_questions_and_a_poll_and_people(demo: Demo) -> None:
    room = await Newcomer(demo).until(
        lambda seen: (
            seen["present"] > ATTENDEES / 2
            and sum(q["status"] == "published" for q in seen["questions"].values()) >= 2
            and any(poll["phase"] in ("open", "shown") for poll in seen["polls"].values())
            and sum(seen["votes"].values()) >= 1
        )
    )
    assert any(member["camera"] and member["microphone"] for member in room["stage"].values())


async def test_other_software_sees_the_speaker_with_a_clock_that_advances(demo: Demo) -> None:
    async with watching(demo) as video:
        first = await clock(video)
        last = first
        while (last - first).total_seconds() < 1:
            last = await clock(video)
    await is_on_time(demo)


async def test_five_attendees_and_the_speaker_have_media(demo: Demo) -> None:
    async with httpx.AsyncClient(timeout=60, base_url=demo.url) as client:

        async def all_are_there() -> bool:
            return bool((await client.get("/healthz")).json()["seats"] >= 6)

        await eventually(all_are_there)


async def test_what_an_attendee_receives_is_decoded(demo: Demo) -> None:
    visitor = Visitor(demo.url.replace("localhost", "127.0.0.1"), demo.links["attendee"].rpartition("/")[2])
    viewer = Viewer(visitor, lambda: datetime.now(UTC))
    async with Tab(visitor) as tab:
        watching = asyncio.create_task(viewer.run())
        viewer.show(tab)
        await eventually(lambda: min(viewer.frames["video"], viewer.frames["audio"]) >= 20)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_the_guest_may_publish_with_other_software(demo: Demo) -> None:
    whip = demo.links["whip"]
    headers = {"Authorization": f"Bearer {whip['token']}", "Content-Type": "application/sdp"}
    guest = Client()
    guest.connection.addTransceiver(Picture(60), direction="sendonly")
    async with all_closed(guest), httpx.AsyncClient(timeout=60, headers=headers) as client:
        answer = await client.post(whip["url"], content=await guest.offer())
        assert answer.status_code == 201
        await guest.accept(answer.text)
        await guest.connected()
        gone = await client.delete(httpx.URL(whip["url"]).join(answer.headers["location"]))
        assert gone.status_code == 200


def test_links_lead_to_this_machine_by_name(demo: Demo) -> None:
    assert set(demo.links) == {"attendee", "moderator", "board", "whip", "whep"}
    assert all(str(link).startswith(demo.url + "/join/") for name, link in demo.links.items() if name[:2] != "wh")


async def test_killed_media_workers_are_replaced_and_the_speaker_comes_back(demo: Demo) -> None:
    def workers() -> set[int]:
        listed = subprocess.run(["ps", "-A", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
        return {int(line.split()[0]) for line in listed.splitlines() if "live.worker" in line} & demo.family()

    killed = workers()
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    async with httpx.AsyncClient(timeout=60, base_url=demo.url) as client:

        async def others_are_up() -> bool:
            return len(workers() - killed) == len(killed) and bool((await client.get("/healthz")).json()["media"]["up"])

        await eventually(others_are_up)
    await is_on_time(demo)


# --- how it ends ---


def test_ctrl_c_stops_everything_that_was_started(tmp_path: Path) -> None:
    with running(tmp_path) as demo:
        family = demo.family()
        assert len(family) >= 5  # server, media worker, moderator, speaker, audience
        demo.process.send_signal(signal.SIGINT)
        out, err = demo.process.communicate(timeout=STOPS_WITHIN)
    assert (demo.process.returncode, err.decode()) == (0, "")
    assert all(demo.links[who] in out.decode() for who in ("attendee", "moderator", "board"))
    assert not any(map(is_alive, family))


def test_a_killed_demo_leaves_no_process_and_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with running(tmp_path) as demo:
        family = demo.family()
        (directory,) = tmp_path.glob("plenum-demo-*")
        demo.process.kill()
        until(lambda: not any(map(is_alive, family)), STOPS_WITHIN)
    assert not directory.exists()


def test_a_named_directory_goes_on_where_it_stopped_and_stays(tmp_path: Path) -> None:
    place, now = tmp_path / "place", datetime.now(UTC)
    write_conference(place, now, ATTENDEES)
    before = asyncio.run(import_people(settings_of(place, 8000), now))
    with running(tmp_path, f"--directory={place}") as demo:
        assert demo.links["attendee"].endswith(before.visitor)  # the same people with the same links
        demo.process.send_signal(signal.SIGTERM)
        demo.process.communicate(timeout=STOPS_WITHIN)
    assert demo.process.returncode == 0
    checked = subprocess.run([sys.executable, "-m", "server", "check", "-C", place], capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_in_use_is_one_line_and_status_two(host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as taken:
        try:
            taken.bind((host, 0))
        except OSError:
            pytest.skip("no IPv6 here")
        taken.listen()
        with start(taken.getsockname()[1]) as process:
            out, err = process.communicate(timeout=STARTS_WITHIN)
    assert process.returncode == 2 and out == b""
    assert err.count(b"\n") == 1 and err.startswith(b"plenum: ") and b"--port" in err


# --- clients ---


class Newcomer:
    """Follows the live session as a new attendee, and keeps what a page would show."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self.seen: dict[str, Any] = {"present": 0, "votes": {}, "polls": {}, "questions": {}, "stage": {}}

    async def until(self, condition: Any) -> dict[str, Any]:
        """What is seen when the condition holds: a minute was promised, and a busy machine has three."""
        with self._demo.signed_in("attendee") as (browser, _):
            cookie = f"{COOKIE}={browser.cookies[COOKIE]}"
        address = self._demo.url.replace("http", "ws") + "/socket"
        async with asyncio.timeout(180), connect(address, open_timeout=60, additional_headers={"Cookie": cookie}) as ws:
            hello = {"type": "hello", "client": "newcomer", "follow": {f"session/{FIRST_SESSION}": 0}, "visible": True}
            await ws.send(json.dumps(hello))
            async for text in ws:
                self._hear(json.loads(text))
                if condition(self.seen):
                    return self.seen
        raise AssertionError("the connection ended")

    def _hear(self, frame: dict[str, Any]) -> None:
        match frame:
            case {"type": "snapshot", "state": state}:
                self.seen |= {key: state.get(key, {}) for key in ("stage", "polls", "questions")}
            case {"type": "presence", "present": present}:
                self.seen["present"] = present
            case {"type": "tally", "votes": votes}:
                self.seen["votes"] |= votes
            case {"type": "event", "event": {"type": "poll.opened", "poll": poll}}:
                self.seen["polls"][poll["id"]] = poll
            case {"type": "event", "event": {"type": "question.published", "question": question}}:
                self.seen["questions"][question["id"]] = question
            case {"type": "event", "event": {"type": "stage.entered", "person_id": person_id}}:
                self.seen["stage"][person_id] = {"camera": False, "microphone": False}
            case {"type": "event", "event": {"type": "stage.media_set", "person_id": person_id, **media}}:
                self.seen["stage"][person_id] = media


@contextlib.asynccontextmanager
async def watching(demo: Demo) -> Any:
    """The video track that a WHEP player gets."""
    whep = demo.links["whep"]
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue(2)
    connection.on("track", lambda track: tracks.put_nowait(track) if track.kind == "video" else None)
    try:
        for kind in ("video", "audio"):
            connection.addTransceiver(kind, direction="recvonly")
        await connection.setLocalDescription(await connection.createOffer())
        headers = {"Authorization": f"Bearer {whep['token']}", "Content-Type": "application/sdp"}
        async with httpx.AsyncClient(timeout=60, headers=headers) as client:
            answer = await client.post(whep["url"], content=connection.localDescription.sdp)
            assert answer.status_code == 201
            await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            yield await asyncio.wait_for(tracks.get(), PATIENCE_SECONDS)
            await client.delete(httpx.URL(whep["url"]).join(answer.headers["location"]))
    finally:
        await connection.close()


async def is_on_time(demo: Demo) -> None:
    """Waits until a new viewer's picture is nearly now: on a busy machine not every one is. How late, others measure."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await seconds_behind(demo) > 5:
            continue


async def seconds_behind(demo: Demo) -> float:
    """How late a new viewer's picture is, by its clock."""
    async with watching(demo) as video:
        shown = await clock(video)
    return abs((datetime.now(ZoneInfo(TIME_ZONE)).replace(tzinfo=None) - shown).total_seconds())


async def clock(video: MediaStreamTrack) -> datetime:
    """The wall clock in the next picture on which it can be read."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                frame = await video.recv()
            except MediaStreamError:
                raise AssertionError("the picture ended") from None
            assert isinstance(frame, VideoFrame)
            text = read_clock(frame.to_ndarray(format="gray"))
            with contextlib.suppress(ValueError):  # smeared by compression
                now = datetime.now(ZoneInfo(TIME_ZONE)).replace(tzinfo=None)
                shown = datetime.combine(now.date(), datetime.strptime(text, "%H:%M:%S.%f").time())
                return shown - timedelta(days=1) * round((shown - now) / timedelta(days=1))  # at midnight: of yesterday
