"""A recording in a real Chromium, as a visitor of the library sees it."""

from __future__ import annotations

import contextlib
import http.server
import re
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from recordings.boxes import SOUND_RATE, VIDEO_RATE
from recordings.catalogue import Catalogue
from recordings.cmaf import split
from recordings.timeline import Sample
from tests.recordings.media import Simulation, Stream, audio, in_time, pictures, sounds, video

pytestmark = pytest.mark.browser

PLAY = """async rate => {
    const video = document.querySelector("video"), sizes = [];
    video.addEventListener("resize", () => sizes.push(`${video.videoWidth}x${video.videoHeight}`));
    const ended = new Promise((resolve, reject) => {
        video.addEventListener("ended", resolve);
        video.addEventListener("error", () => reject(new Error(video.error.message)));
    });
    video.muted = true;
    video.src = "/film.mp4";
    video.playbackRate = rate;
    await video.play();
    await ended;
    return {sizes, time: video.currentTime, duration: video.duration,
        pictures: video.getVideoPlaybackQuality().totalVideoFrames};
}"""

SEEK = """async share => {
    const video = document.querySelector("video");
    const happens = name => new Promise((resolve, reject) => {
        video.addEventListener(name, resolve, {once: true});
        video.addEventListener("error", () => reject(new Error(video.error.message)));
    });
    const known = happens("loadedmetadata");
    video.preload = "metadata";
    video.src = "/film.mp4";
    await known;
    const there = happens("seeked");
    video.currentTime = video.duration * share;
    await there;
    return {duration: video.duration, time: video.currentTime, width: video.videoWidth};
}"""


class Library(http.server.BaseHTTPRequestHandler):
    """One page and one film, with ranges (RFC 9110, 14)."""

    protocol_version = "HTTP/1.1"
    film: Path

    def do_GET(self) -> None:
        if self.path != "/film.mp4":
            return self._answer(200, "text/html", b"<!doctype html><video></video>")
        data = self.film.read_bytes()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "bytes=0-"))
        assert wanted is not None
        first, last = int(wanted[1]), int(wanted[2] or len(data) - 1)
        self._answer(206, "video/mp4", data[first : last + 1], f"bytes {first}-{last}/{len(data)}")

    def _answer(self, status: int, kind: str, body: bytes, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the browser seeked elsewhere
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextlib.contextmanager
def served(path: Path) -> Iterator[str]:
    handler = type("Handler", (Library,), {"film": path})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(timeout=120_000, executable_path=shutil.which("chromium"), args=arguments)
        page = await browser.new_page()
        page.set_default_timeout(120_000)
        yield page
        await browser.close()


@pytest.mark.parametrize("is_killed", [False, True], ids=["finished", "killed"])
async def test_a_recording_plays_through_changes_of_size(page: Page, tmp_path: Path, is_killed: bool) -> None:
    simulation = Simulation(tmp_path / "film.mp4")
    stream = Stream("video", 11)
    sizes = [(320, 180), (640, 360), (180, 320)]
    picture = [d for n, (w, h) in enumerate(sizes) for d in video(stream, pictures(w, h, 30), 0.2 + n)]
    simulation.play(in_time(picture, audio(Stream("audio", 22), sounds(150))))
    if is_killed:
        simulation.kill()
    else:
        simulation.finish(3.2)
    with served(simulation.path) as url:
        for rate in (2, 1, 0.25):  # a busy machine leaves out pictures, of a size perhaps all: it is given more time
            await page.goto(url)
            seen = await page.evaluate(PLAY, rate)
            if len(seen["sizes"]) == len(sizes) and seen["pictures"] >= 70:
                break
    assert seen["sizes"] == ["320x180", "640x360", "180x320"]
    assert seen["duration"] == pytest.approx(2.9 if is_killed else 3.2, abs=0.4)
    assert seen["time"] == pytest.approx(seen["duration"], abs=0.1) and seen["pictures"] >= 70


async def test_sound_alone_plays_behind_the_slate(page: Page, tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "film.mp4")
    simulation.play(audio(Stream("audio", 22), sounds(150)))
    simulation.finish(3.0)
    with served(simulation.path) as url:
        await page.goto(url)
        seen = await page.evaluate(PLAY, 2)
    assert seen["sizes"] == ["640x360"] and seen["time"] == pytest.approx(3.0, abs=0.1)


async def test_one_can_go_to_any_place_of_a_long_recording(page: Page, tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "film.mp4")
    units, tones = [tuple(split(unit)) for unit in pictures(320, 180, 60, 60)], sounds(50)
    for second in range(600):
        now = [
            Sample(True, second * VIDEO_RATE + n * 3000, 0, units[second % 2 * 30 + n], n == 0 == second % 2)
            for n in range(30)
        ]
        now += [Sample(False, second * SOUND_RATE + n * 960, 960, (tones[n],), True) for n in range(50)]
        for sample in sorted(now, key=lambda sample: sample.seconds):
            simulation.recording.add(sample)
    simulation.recording.flush()
    simulation.kill()
    assert Catalogue(tmp_path).recover("film") == pytest.approx(600, abs=0.1)
    with served(simulation.path) as url:
        await page.goto(url)
        seen = await page.evaluate(SEEK, 0.75)
    assert seen["duration"] == pytest.approx(600, abs=0.1) and seen["time"] == pytest.approx(450, abs=0.1)
    assert seen["width"] == 320
