"""The ready-made dashboard: everything that it asks for is there, and everything that there is is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.server.test_metrics import Counting, Scraped, scrape, watched

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana.json"
RANGE = re.compile(r"(?:rate|increase)\((\w+)")


@pytest.fixture
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(DASHBOARD.read_bytes())
    return found


@pytest.fixture
async def scraped(tmp_path: Path) -> Scraped:
    async with watched(tmp_path, Counting()) as run:
        return await scrape(run)


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (panel for panel in dashboard["panels"] if panel["type"] != "row")


def expressions(dashboard: dict[str, Any]) -> list[str]:
    asked = [target["expr"] for panel in panels(dashboard) for target in panel["targets"]]
    return [*asked, *(one["definition"] for one in dashboard["templating"]["list"] if one["type"] == "query")]


def named(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:plenum|process)_\w+", expression))


async def test_every_metric_that_it_names_is_there_with_its_labels(dashboard: dict[str, Any], scraped: Scraped) -> None:
    labels = {sample.name: set(sample.labels) for family in scraped.families for sample in family.samples}
    for expression in expressions(dashboard):
        assert named(expression), expression
        for name in named(expression):
            assert name in labels, f"{name} is not in /metrics"
            asked = set(re.findall(r'(\w+)(?:=~|=)"', expression))
            asked |= {one for found in re.findall(r"by \(([^)]*)\)", expression) for one in found.split(", ")}
            assert asked - {"job", "instance"} <= labels[name], expression


async def test_every_metric_of_ours_is_shown(dashboard: dict[str, Any], scraped: Scraped) -> None:
    shown = {re.sub("_(bucket|total)$", "", name) for one in expressions(dashboard) for name in named(one)}
    ours = {re.sub("_(gcount|gsum)$", "", family.name) for family in scraped.families if family.name.startswith("plenum_")}
    assert ours - shown == set()


async def test_counters_are_shown_as_rates_and_nothing_else_is(dashboard: dict[str, Any], scraped: Scraped) -> None:
    counters = {sample.name for family in scraped.families if family.type == "counter" for sample in family.samples}
    for expression in expressions(dashboard):
        assert set(RANGE.findall(expression)) == named(expression) & counters, expression


def test_panels_stand_beside_each_other_and_legends_name_what_is_there(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(dashboard):
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
        for target in panel["targets"]:
            grouped = re.search(r"sum by \(([^)]*)\)", target["expr"])
            if grouped:
                legend = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
                assert legend == set(grouped[1].split(", ")) - {"le"}, target["expr"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_it_names_no_installation(dashboard: dict[str, Any]) -> None:
    assert all('job="$job"' in one or one == "label_values(plenum_media_up, job)" for one in expressions(dashboard))
    assert "http" not in DASHBOARD.read_text()
