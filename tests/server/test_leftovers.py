from pathlib import Path

from server.leftovers import ENOUGH, Leftovers
from tests.server.running import running, until


def test_what_many_have_left_is_freed_once() -> None:
    leftovers = Leftovers()
    assert not leftovers.is_time(departed=ENOUGH - 1, present=10)
    assert leftovers.is_time(departed=ENOUGH, present=10)
    assert not leftovers.is_time(departed=ENOUGH, present=10)
    assert leftovers.is_time(departed=2 * ENOUGH, present=10)


def test_a_full_hall_is_not_kept_waiting_for_a_few_who_left() -> None:
    leftovers = Leftovers()
    assert not leftovers.is_time(departed=2_499, present=10_000)
    assert leftovers.is_time(departed=2_500, present=10_000)


async def test_a_connection_that_has_gone_is_counted(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        anna = await run.client("anna", ("conference",))
        assert run.services.hub.departed == 0
        await anna.close()
        await until(lambda: run.services.hub.departed == 1)
