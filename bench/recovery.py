"""How long sound and picture are away after `kill -9` on a media worker: real Chromium at the desk and in the hall, real
server, a speaker in Chromium; nobody reloads. Each round is a new conference.

`make bench-recovery`; with `--all` every worker there is gets killed at once, so that no other can help out. Counted is from
the kill to the end of the longest standstill after it, in the page that waits longest. The last line is JSON, in seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Page

from bench.measures import cpu_seconds, median
from tests.browser.stage import Conference, a_browser, attend, go_live, goes_on, held, sound_goes_on

BUDGET: Final = 3.0  # seconds
LOOK: Final = 1.0  # seconds in which the worker that carries the session shows itself by what it needs

# Writes down when the page shows a picture, and when it has played sound that was received (not made up), from now on.
RECORD: Final = """() => {
    const log = window.noted = { picture: [], sound: [] };
    const seen = new WeakSet();
    const watch = (video) => {
        if (seen.has(video)) return;
        seen.add(video);
        const note = () => { log.picture.push(Date.now()); video.requestVideoFrameCallback(note); };
        video.requestVideoFrameCallback(note);
    };
    setInterval(() => document.querySelectorAll("video").forEach(watch), 20);
    let before = 0;
    const listen = async () => {
        const received = (await plenum.media.statistics()).filter(({ type }) => type === "inbound-rtp");
        const sounds = received.filter(({ kind }) => kind === "audio");
        const real = sounds.reduce((sum, each) => sum + each.totalSamplesReceived - each.concealedSamples, 0);
        if (real !== before && real) log.sound.push(Date.now());
        before = real;
        setTimeout(listen, 20);
    };
    void listen();
}"""


async def busiest(pids: list[int]) -> int:
    """The worker that does most now."""
    before = {pid: cpu_seconds(pid) for pid in pids}
    await asyncio.sleep(LOOK)
    return max(pids, key=lambda pid: cpu_seconds(pid) - before[pid])


def standstill(times: list[float], since: float) -> float:
    """Seconds of the longest standstill from then on; `times` as in `back_after`."""
    counted = [*([time for time in times if time <= since][-1:]), *(time for time in times if time > since)]
    return max((end - begin for begin, end in pairwise(counted)), default=0.0) / 1000


def back_after(times: list[float], killed: float) -> float:
    """Seconds from `killed` to the end of the longest standstill after it. Times are milliseconds; the last before the kill
    counts, too."""
    later = [time for time in times if time > killed]
    earlier = [time for time in times if time <= killed][-1:] or [killed]
    gaps = zip([*earlier, *later], later, strict=False)
    _, end = max((end - begin, end) for begin, end in gaps)
    return (end - killed) / 1000


async def measure_once(browser: Browser, prepared: Conference, directory: Path, *, kills_all: bool) -> tuple[float, float]:
    """Seconds until every page has picture, and sound."""
    served = Conference(directory)
    served.prepare_like(prepared)
    async with held(served, browser) as hall:
        mona, _ = await go_live(hall)
        anna, bo = await asyncio.gather(hall.sit("anna"), hall.sit("bo"))
        pages = [mona, anna, bo]
        await asyncio.gather(attend(anna), attend(bo))
        await asyncio.gather(*(page.evaluate(RECORD) for page in pages))
        await asyncio.gather(*map(going_on, pages))
        pids = list((await served.media_pids()).values())
        victims = pids if kills_all else [await busiest(pids)]
        killed = time.time() * 1000
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        await asyncio.gather(*map(going_on, pages))
        noted = [await page.evaluate("() => window.noted") for page in pages]
    return (
        max(back_after(each["picture"], killed) for each in noted),
        max(back_after(each["sound"], killed) for each in noted),
    )


async def going_on(page: Page) -> None:
    await asyncio.gather(goes_on(page, 60), sound_goes_on(page, 2.0))


async def measure(rounds: int, *, kills_all: bool) -> list[tuple[float, float]]:
    found = []
    with tempfile.TemporaryDirectory(prefix="plenum-bench-") as name:
        prepared = Conference(Path(name) / "prepared")
        prepared.directory.mkdir()
        await prepared.prepare()
        async with a_browser() as browser:
            for number in range(rounds):
                directory = Path(name) / str(number)
                found.append(await measure_once(browser, prepared, directory, kills_all=kills_all))
                print(
                    f"round {number + 1}: picture after {found[-1][0]:.2f} s, sound after {found[-1][1]:.2f} s", flush=True
                )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--all", action="store_true", help="kill every media worker at once")
    options = parser.parse_args()
    found = asyncio.run(measure(options.rounds, kills_all=options.all))
    pictures, sounds = [picture for picture, _ in found], [sound for _, sound in found]
    both = [max(pair) for pair in found]
    print(
        json.dumps(
            {
                "rounds": len(found),
                "median_s": round(median(both), 3),
                "worst_s": round(max(both), 3),
                "picture_s": round(median(pictures), 3),
                "sound_s": round(median(sounds), 3),
                "vs_budget": round(median(both) / BUDGET, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
