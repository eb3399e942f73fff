"""Memory of peers that have gone, without waiting for the collector to come by itself."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from live.leftovers import ENOUGH, PAUSE, Leftovers
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
    leftovers = Leftovers()
    for now, count, is_freed in ((5.0, ENOUGH - 1, False), (6.0, 1, True), (7.0, ENOUGH, False), (6.0 + PAUSE, 0, True)):
        gone = weakref.ref(Ring())
        for _ in range(count):
            leftovers.add()
        leftovers.look(now)
        assert (gone() is None) is is_freed, now


async def test_a_worker_frees_the_peers_that_have_gone() -> None:
    async with stage() as at:
        for n in range(ENOUGH):
            admission = at.admit()
            at.check(admission, (f"192.0.2.{n + 1}", 1000))
        gone = [weakref.ref(at.at((f"192.0.2.{n + 1}", 1000))) for n in range(ENOUGH)]
        at.forwarder.remove_label("r", "anna", senders_only=False)
        await until(lambda: not any(peer() for peer in gone))
