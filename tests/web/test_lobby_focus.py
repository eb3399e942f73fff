"""What the lobby leads to, in the browser (web/static/focus.js) and on the server (server/programme_view.py): the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import msgspec

from rooms import messages as m
from server.programme_view import focus
from tests.web.node import run_node

SCRIPT = Path(__file__).with_name("lobby_focus.mjs")
START = datetime(2026, 3, 25, 8, 0, tzinfo=UTC)
CASES = 400
KINDS: tuple[m.Kind, ...] = ("plenary", "breakouts", "assembly", "break")
PHASES: tuple[m.Phase, ...] = ("planned", "planned", "backstage", "live", "ended")


def random_state(random: Random) -> m.ConferenceState:
    """A programme of up to seven sessions, one after another or side by side, each anywhere in its life."""
    plans, at = [], START
    for number in range(random.randint(0, 7)):
        ends_at = at + timedelta(minutes=random.choice([15, 30, 60]))
        plans.append(m.SessionPlan(f"s{number}", f"Session {number}", random.choice(KINDS), at, ends_at, "plenum"))
        at = random.choice([at, ends_at, ends_at + timedelta(minutes=10)])
    runs = {plan.id: m.SessionRun(random.choice(PHASES)) for plan in plans if random.random() < 0.8}
    programme = m.Programme(
        "X", "Y", "Europe/Stockholm", ("sv",), m.Goals(), (m.RoomPlan("plenum", "Plenum"),), tuple(plans)
    )
    return m.ConferenceState(programme if random.random() < 0.95 else None, runs)


def test_browser_and_server_lead_to_the_same_session() -> None:
    random = Random(20260325)
    cases = [(random_state(random), START + timedelta(minutes=random.randint(-30, 400))) for _ in range(CASES)]
    text = json.dumps(
        [{"state": msgspec.to_builtins(state), "now": now.timestamp() * 1000} for state, now in cases], default=str
    )
    theirs = json.loads(run_node(SCRIPT, text))
    ours = [[found.step, *(_id(p) for p in (found.plan, found.during, found.then))] for found in (focus(*c) for c in cases)]
    assert theirs == ours
    assert {case[0] for case in ours} == {"live", "backstage", "waiting", "over", "empty"}, "the cases leave something out"


def _id(plan: m.SessionPlan | None) -> str | None:
    return plan.id if plan is not None else None
