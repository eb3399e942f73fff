"""Memory of peers that have gone, without waiting for the collector to come by itself."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from live.leftovers import ENOUGH, LONGEST, NEVER, PAUSE, SHARE, Leftovers
from tests.live.conftest import until
from tests.live.test_forwarder import stage


class Ring:
    """Knows itself, as peers and their parts do."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def no_other_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def test_a_few_wait_and_many_are_freed_but_not_all_the_time() -> None:
    leftovers = Leftovers(5.0)
    for now, count, is_freed in (
        (5.0, ENOUGH - 1, False),
        (6.0, 1, True),
        (7.0, ENOUGH, False),
        (6.0 + PAUSE, 0, True),
        (5.0 + PAUSE + LONGEST, 0, False),
        (6.0 + PAUSE + LONGEST, 0, True),
    ):
        gone = weakref.ref(Ring())
        for _ in range(count):
            leftovers.add()
        leftovers.look(30, now)
        assert (gone() is None) is is_freed, now


def test_the_more_are_there_the_more_wait() -> None:
    leftovers = Leftovers(0.0)
    gone = weakref.ref(Ring())
    for _ in range(2 * ENOUGH):
        leftovers.add()
    leftovers.look(2 * ENOUGH * SHARE + SHARE, 1.0)
    assert gone() is not None
    leftovers.look(2 * ENOUGH * SHARE, 1.0)
    assert gone() is None


def test_nothing_else_looks_at_what_is_alive() -> None:
    code = (
        "import gc; from live import leftovers; leftovers.freeze(); print(gc.get_threshold()[2], gc.get_freeze_count() > 0)"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(NEVER), "True"]


async def test_a_worker_frees_the_peers_that_have_gone() -> None:
    async with stage() as at:
        for n in range(ENOUGH):
            admission = at.admit()
            at.check(admission, (f"192.0.2.{n + 1}", 1000))
        gone = [weakref.ref(at.at((f"192.0.2.{n + 1}", 1000))) for n in range(ENOUGH)]
        at.forwarder.remove_label("r", "anna", senders_only=False)
        await until(lambda: not any(peer() for peer in gone))
