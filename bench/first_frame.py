"""How long it takes from the click in the lobby to the first picture in the session: real Chromium, real server and media
engine, everything on the loopback. The speaker is Chromium's fake camera, 1280 x 720.

`python -m bench.first_frame --visits 20`. The last line is JSON, in seconds. Needs what the tests need.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import Page

from bench.measures import median, percentile
from tests.browser.stage import Conference, a_browser, go_live, goes_on, held

# In every page: when something was pressed, and when a video element first showed a picture, both by the same clock.
CLOCK: Final = """
addEventListener("click", () => sessionStorage.setItem("pressed", String(Date.now())), { capture: true });
const seen = new WeakSet();
new MutationObserver(() => {
  for (const video of document.querySelectorAll("video")) {
    if (seen.has(video)) continue;
    seen.add(video);
    video.requestVideoFrameCallback(() => { window.firstPictureAt ??= Date.now(); });
  }
}).observe(document, { childList: true, subtree: true });
"""
TAKEN: Final = "() => window.firstPictureAt - Number(sessionStorage.getItem('pressed'))"


async def visit(page: Page, lobby: str) -> float:
    """Seconds from the click to the first picture, of one visit."""
    await page.goto(lobby)
    await page.get_by_role("link", name="Go to the session").click()
    await page.wait_for_function("() => window.firstPictureAt !== undefined")
    return float(await page.evaluate(TAKEN)) / 1000


async def measure(visits: int) -> list[float]:
    """The first visit, which fills the browser's cache, is not counted."""
    with tempfile.TemporaryDirectory(prefix="plenum-bench-") as name:
        served = Conference(Path(name))
        await served.prepare()
        async with a_browser() as browser, held(served, browser) as hall:
            mona, siri = await go_live(hall)
            await goes_on(mona)
            await mona.context.close()
            anna = await hall.sit("anna", script=CLOCK)
            times = [await visit(anna, hall.url("/lobby")) for _ in range(visits + 1)]
            await siri.context.close()
    return times[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=20)
    visits = parser.parse_args().visits
    times = asyncio.run(measure(visits))
    print(f"{visits} visits: " + " ".join(f"{seconds:.2f}" for seconds in times))
    found = {"visits": visits, "median_s": round(median(times), 3), "p90_s": round(percentile(times, 0.9), 3)}
    print(json.dumps({**found, "best_s": round(min(times), 3), "worst_s": round(max(times), 3)}))


if __name__ == "__main__":
    main()
