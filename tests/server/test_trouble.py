"""Who is having trouble, judged from the engine's counters, and told to moderators alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from live.control import (
    PeerStatistics,
    PortStatistics,
    RoomStatistics,
    TapStatistics,
    TrackStatistics,
    Use,
    WorkerStatistics,
)
from server.trouble import connections, judge, unrecorded
from tests.fakes import FakeEngine
from tests.server.running import running

FINE = PeerStatistics(
    peer_id="p1",
    label="anna",
    transport="udp",
    up=True,
    silent_s=0.4,
    rtt_ms=30.0,
    loss_up=0.0,
    loss_down=0.0,
    estimate_bps=2_000_000,
    sent_bps=900_000,
    received_bps=0,
    dropped=0,
    bad=0,
    nacks=0,
    plis=0,
    resent=0,
    slots={},
    tracks=(),
)


@pytest.mark.parametrize(
    ("changes", "level", "reasons"),
    [
        ({}, "good", ()),
        ({"transport": "tcp"}, "good", ()),
        ({"estimate_bps": 0}, "good", ()),  # not told: nothing is known, and nothing is said
        ({"loss_up": 0.05}, "poor", ("loss_up",)),
        ({"loss_down": 0.2, "transport": "tcp"}, "poor", ("loss_down", "tcp")),
        ({"estimate_bps": 100_000}, "poor", ("narrow",)),
        ({"rtt_ms": 600.0}, "poor", ("slow",)),
        ({"undecodable": ("H264",), "transport": "tcp"}, "poor", ("codec",)),
        ({"silent_s": 8.0, "loss_up": 0.1}, "lost", ("silent", "loss_up")),
    ],
)
def test_a_connection_is_judged_by_what_is_counted(changes: dict[str, Any], level: str, reasons: tuple[str, ...]) -> None:
    found = judge(replace(FINE, **changes))
    assert (found.level, found.reasons) == (level, reasons)


def test_the_worst_come_first_and_a_person_once() -> None:
    peers = [
        replace(FINE, label="fine"),
        replace(FINE, label="lossy", loss_down=0.05),
        replace(FINE, label="worse", loss_down=0.5),
        replace(FINE, label="gone", silent_s=9.0),
        replace(FINE, label="gone", silent_s=0.1),  # their other tab is well
        replace(FINE, label="coming", up=False, silent_s=0.5),
    ]
    assert [found.person_id for found in connections(peers)] == ["gone", "worse", "lossy", "fine"]


def test_whose_picture_a_recording_leaves_out_is_told() -> None:
    def sending(label: str, use: Use, codec: str, bitrate: int = 1) -> PeerStatistics:
        track = TrackStatistics("0", "", use, codec, 9, 9, bitrate, 0, 0, 0, 0.0, 0, 0, 0, 0, 0.0)
        return replace(FINE, label=label, tracks=(track,))

    peers = [
        sending("anna", "camera", "VP8"),
        sending("bo", "camera", "H264"),
        sending("cia", "screen", "VP8", 0),  # nothing comes
        sending("dan", "microphone", "opus"),
        sending("eva", "screen", "AV1"),
    ]
    room = RoomStatistics({}, {str(n): peer for n, peer in enumerate(peers)}, {"recording-r1": TapStatistics("H264", 0)})
    assert unrecorded([room]) == {"anna": ("VP8", "H264"), "eva": ("AV1", "H264")}
    assert unrecorded([replace(room, taps={})]) == {}


class Counting(FakeEngine):
    """Carries nothing either, but says that it does."""

    async def statistics(self) -> tuple[WorkerStatistics, ...]:
        peers = {f"p{n}": replace(FINE, peer_id=f"p{n}", label=name) for n, name in enumerate(("anna", "bo", "nobody"))}
        peers["p1"] = replace(peers["p1"], loss_down=0.3)
        room = RoomStatistics({}, peers, {})
        return (WorkerStatistics(1, 0.0, 3, PortStatistics(0, 0, 0, 0), {"s1": room}),)


async def test_moderators_see_names_and_reasons_and_nobody_else_does(tmp_path: Path) -> None:
    async with (
        running(tmp_path, engine=Counting()) as run,
        await run.browser("mona") as mona,
        await run.browser("anna") as anna,
    ):
        answer = (await mona.get("/api/trouble?session=s1")).json()
        assert (answer["total"], answer["troubled"]) == (2, 1)  # who is no participant any more is not named
        first = answer["people"][0]
        assert answer["unrecorded"] == []
        assert (first["name"], first["level"], first["reasons"]) == ("Bo Lind", "poor", ["loss_down"])
        assert (await anna.get("/api/trouble?session=s1")).json()["code"] == "forbidden"
        assert (await mona.get("/api/trouble?session=nowhere")).status_code == 404
