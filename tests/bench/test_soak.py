"""The soak: a short one, and what it makes of its readings."""

from __future__ import annotations

import asyncio
import json
import sys

import pytest

from bench.soak.readings import Reading, slopes, still_there

# All kinds of visits twice. Nobody is given up sooner than a TCP connection that says nothing, which takes ten seconds.
SHORT = ("--seconds", "8", "--rate", "3", "--stay", "2", "--every", "1", "--idle", "10", "--setup", "10")


@pytest.mark.timeout(300)
async def test_when_all_have_gone_nothing_of_them_is_left() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.soak", *SHORT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    text = output.decode()
    result = json.loads(text.splitlines()[-1])
    assert result["visits"] == 24, text[-3000:]
    assert result["with_media"] >= 7, result["failures"]  # of 14 who came to see something: a busy machine may fail some
    assert result["left"] == {}, text[-3000:]


def reading(second: float, **figures: float) -> Reading:
    return Reading(second, {f"server {name}": value for name, value in figures.items()} | {"worker 0 peers": 1})


def test_what_there_is_more_of_is_left() -> None:
    before = reading(0, tasks=9, fds=30, rss_kib=100)
    assert still_there(before, reading(9, tasks=9, fds=34, rss_kib=900)) == {}
    assert still_there(before, reading(9, tasks=10, fds=35, rss_kib=100)) == {"tasks": 1, "fds": 5}


def test_peers_of_another_worker_count_too() -> None:
    before, after = reading(0), reading(9)
    assert still_there(before, Reading(9, {**after.figures, "worker 1 peers": 1})) == {"peers": 1}


def test_a_slope_is_by_the_second_and_noise_is_none() -> None:
    found = slopes([reading(n * 5, tasks=7 + n % 2, rss_kib=1000 + 10 * n) for n in range(101)])
    assert found["server rss_kib"] == pytest.approx(2.0)
    assert abs(found["server tasks"]) < 0.001
