"""What happens when: the same from the same seed, in time, and nothing left broken."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from bench.chaos.schedule import CALM, OF_NODES, OF_REDIS, ONE_OF_MANY, OPTIONS, QUESTIONS, Fault, Schedule, Topology, make

topologies = st.builds(
    Topology,
    nodes=st.integers(1, 4),
    has_postgres=st.booleans(),
    has_redis=st.booleans(),
    can_fill=st.booleans(),
)
arguments = {"seed": st.integers(0, 10**6), "seconds": st.floats(5, 90), "topology": topologies}


@given(**arguments)
def test_the_same_seed_gives_the_same(seed: int, seconds: float, topology: Topology) -> None:
    assert make(seed, seconds, topology, 5) == make(seed, seconds, topology, 5)


@given(**arguments)
def test_one_more_client_changes_nothing_for_the_others(seed: int, seconds: float, topology: Topology) -> None:
    few, more = make(seed, seconds, topology, 3), make(seed, seconds, topology, 4)
    assert (few.faults, few.polls, few.acts) == (more.faults, more.polls, more.acts[:3])


@given(**arguments)
def test_faults_of_a_lane_come_one_after_another_and_all_are_over_in_time(
    seed: int, seconds: float, topology: Topology
) -> None:
    for lane in make(seed, seconds, topology, 1).faults:
        ends = CALM
        for fault in lane:
            assert ends <= fault.at <= fault.over <= seconds - CALM
            ends = fault.over


@given(**arguments)
def test_only_what_is_there_is_broken_and_every_kind_before_any_again(seed: int, seconds: float, topology: Topology) -> None:
    nodes, services = make(seed, seconds, topology, 1).faults
    for lane, kinds in ((nodes, OF_NODES), (services, topology.services)):
        times = Counter(fault.kind for fault in lane)
        assert times.keys() <= set(kinds)
        assert max(times.values(), default=0) - min((times[kind] for kind in kinds), default=0) <= 1
    for fault in nodes:
        assert 0 <= fault.target < topology.nodes
    for fault in services:
        assert fault.target == -1 or (fault.kind in ONE_OF_MANY and fault.target < topology.nodes)


@given(**arguments)
def test_people_answer_polls_that_are_open_then(seed: int, seconds: float, topology: Topology) -> None:
    schedule: Schedule = make(seed, seconds, topology, 3)
    assert schedule.polls[0].closes_at is None
    for acts in schedule.acts:
        assert [act.at for act in acts] == sorted(act.at for act in acts)
        for act in acts:
            assert 0 <= act.at < seconds
            if act.deed == "answer":
                poll = schedule.polls[act.subject]
                assert poll.at <= act.at < (poll.closes_at or seconds)
                assert 0 <= act.value < OPTIONS
            elif act.deed == "vote":
                assert 0 <= act.subject < QUESTIONS


def test_seeds_differ() -> None:
    assert len({make(seed, 30, Topology(2, True, True, True), 2) for seed in range(20)}) == 20


@given(**arguments)
def test_redis_is_cut_off_once_and_for_as_long_as_is_asked(seed: int, seconds: float, topology: Topology) -> None:
    nodes, services, *rest = make(seed, seconds, topology, 1, redis_cut=3.0).faults
    assert nodes == make(seed, seconds, topology, 1).faults[0]
    assert not {fault.kind for fault in services} & set(OF_REDIS)
    cut = Fault(CALM, 3.0, "cut redis", -1)
    assert rest == ([(cut,)] if topology.has_redis else [])
