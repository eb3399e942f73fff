"""Layers for a viewer: never more than the budget, never for what is not shown, sound first, steps that last."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from live.allocation import (
    BEARABLE,
    LAST_PATIENCE,
    MARGIN,
    OTHER,
    PATIENCE,
    RETURN,
    SCREEN,
    SPEAKER,
    STEP,
    Allocator,
    Demand,
    Layer,
    allocate,
)

THREE = (Layer("q", 150e3, 180), Layer("h", 500e3, 360), Layer("f", 1.5e6, 720))
ONE = (Layer("only", 1e6, 0),)

layer_sets = st.lists(st.integers(30_000, 3_000_000), min_size=0, max_size=3).map(
    lambda rates: tuple(Layer("qhf"[index], float(rate), 180 << index) for index, rate in enumerate(sorted(rates)))
)
demand_sets = st.dictionaries(
    st.sampled_from(["video0", "video1", "video2", "video3", "screen0"]),
    st.builds(Demand, st.sampled_from([0, 90, 180, 360, 720, 1080]), layer_sets, st.sampled_from([OTHER, SPEAKER, SCREEN])),
)
budgets = st.floats(-100_000, 8_000_000)


def taken(choice: Mapping[str, str], demands: Mapping[str, Demand], budget: float) -> float:
    """What a choice takes; a single layer that is squeezed in takes what is left."""
    total = squeezed = 0.0
    for slot, name in choice.items():
        if name:
            layers = demands[slot].layers
            rate = layers[demands[slot].index(name)].bitrate
            total += rate
            squeezed += rate * (1 - BEARABLE) if len(layers) == 1 else 0.0
    return total - squeezed if total > budget else total


def levels(choice: Mapping[str, str], demands: Mapping[str, Demand]) -> list[int]:
    """In the order of importance."""
    order = sorted(demands, key=lambda slot: (-demands[slot].priority, -demands[slot].height, slot))
    return [demands[slot].index(choice[slot]) for slot in order]


@given(budgets, demand_sets)
def test_the_layers_never_take_more_than_the_budget(budget: float, demands: dict[str, Demand]) -> None:
    choice = allocate(budget, demands, {})
    assert set(choice) == set(demands)
    assert not any(choice.values()) or taken(choice, demands, budget) <= budget + 1e-6


@given(budgets, demand_sets)
def test_what_is_not_shown_gets_nothing_and_a_tile_no_more_than_it_can_show(
    budget: float, demands: dict[str, Demand]
) -> None:
    choice = allocate(budget, demands, {})
    for slot, demand in demands.items():
        assert demand.height or not choice[slot]
        assert demand.index(choice[slot]) <= demand.best


@given(budgets, st.floats(0, 2_000_000), demand_sets)
def test_more_budget_is_never_worse_in_the_order_of_importance(
    budget: float, more: float, demands: dict[str, Demand]
) -> None:
    less = levels(allocate(budget, demands, {}), demands)
    better = levels(allocate(budget + more, demands, {}), demands)
    shown = [level >= 0 for level in less], [level >= 0 for level in better]
    assert shown[1] > shown[0] or (shown[1] == shown[0] and better >= less)


@given(budgets, demand_sets)
def test_a_choice_is_kept_when_nothing_changes(budget: float, demands: dict[str, Demand]) -> None:
    first = allocate(budget, demands, {})
    assert levels(allocate(budget, demands, first), demands) >= levels(first, demands)
    settled = allocate(budget, demands, first)
    assert allocate(budget, demands, settled) == settled


@given(budgets, demand_sets)
def test_while_nothing_may_rise_nothing_rises(budget: float, demands: dict[str, Demand]) -> None:
    current = allocate(budget / 2, demands, {})
    choice = allocate(budget, demands, current, may_rise=False)
    for slot, demand in demands.items():
        assert demand.index(choice[slot]) <= demand.index(current[slot])


def test_everybodys_lowest_layer_comes_before_anybodys_better_one() -> None:
    demands = {f"video{index}": Demand(720, THREE) for index in range(4)}
    assert allocate(700e3, demands, {}) == dict.fromkeys(demands, "q")


def test_what_is_shared_comes_first_then_who_speaks() -> None:
    demands = {"video0": Demand(720, THREE), "video1": Demand(180, THREE, SPEAKER), "screen0": Demand(720, THREE, SCREEN)}
    assert allocate(160e3, demands, {}) == {"video0": "", "video1": "", "screen0": "q"}
    assert allocate(2.3e6, demands, {}) == {"video0": "q", "video1": "q", "screen0": "f"}


def test_what_is_too_large_for_the_rest_leaves_it_to_what_fits() -> None:
    demands = {"screen0": Demand(1080, (Layer("a", 2e6, 1080),), SCREEN), "video0": Demand(180, THREE)}
    assert allocate(200e3, demands, {}) == {"screen0": "", "video0": "q"}


def test_a_tile_of_a_third_of_the_height_gets_the_small_layer() -> None:
    for height, layer in ((100, "q"), (240, "q"), (300, "h"), (480, "h"), (700, "f"), (2160, "f")):
        assert allocate(9e6, {"video0": Demand(height, THREE)}, {}) == {"video0": layer}


def test_layers_of_unknown_height_are_all_worth_having() -> None:
    unknown = tuple(layer._replace(height=0) for layer in THREE)
    assert allocate(9e6, {"video0": Demand(100, unknown)}, {}) == {"video0": "f"}


# --- over time ---


def a_viewer(*demands: tuple[str, Demand]) -> dict[str, Demand]:
    return dict(demands) or {"video0": Demand(720, THREE)}


def test_sound_is_reserved_before_any_picture() -> None:
    allocator = Allocator()
    assert allocator.choose(160e3, 100e3, a_viewer(), 0.0) == {"video0": ""}
    assert allocator.paused == {"video0"}
    assert allocator.choose(50e3, 100e3, a_viewer(), 1.0) == {"video0": ""}


def test_a_step_up_needs_a_margin_and_a_step_down_none() -> None:
    allocator = Allocator()
    allocator.choose(160e3, 0, a_viewer(), 0.0)
    assert allocator.choose(510e3, 0, a_viewer(), 10.0) == {"video0": "q"}
    assert allocator.choose(500e3 / MARGIN + 1, 0, a_viewer(), 11.0) == {"video0": "h"}
    assert allocator.choose(510e3, 0, a_viewer(), 12.0) == {"video0": "h"}
    assert allocator.choose(490e3, 0, a_viewer(), 12.1) == {"video0": "q"}


def test_after_a_step_down_nothing_rises_for_a_while_and_longer_if_the_step_up_did_not_last() -> None:
    allocator, now = Allocator(), 100.0
    allocator.choose(2e6, 0, a_viewer(), now)
    holds = []
    for _ in range(3):
        now += 1
        assert allocator.choose(400e3, 0, a_viewer(), now) == {"video0": "q"}
        began = now
        while allocator.choose(2e6, 0, a_viewer(), now) == {"video0": "q"}:
            now += 0.1
        holds.append(now - began)
    assert [round(hold) for hold in holds] == [5, 10, 20]


def test_steps_up_follow_each_other_no_faster_than_their_effect_shows() -> None:
    allocator = Allocator()
    demands = {"video0": Demand(720, THREE), "video1": Demand(720, THREE)}
    allocator.choose(350e3, 0, demands, 0.0)
    allocator.choose(900e3, 0, demands, 1.0)
    assert allocator.choose(3e6, 0, demands, 1.0 + STEP / 2) == {"video0": "h", "video1": "q"}
    assert allocator.choose(4e6, 0, demands, 1.1 + STEP) == {"video0": "f", "video1": "f"}


def test_a_larger_tile_is_served_at_once_and_a_smaller_one_is_no_step_down() -> None:
    allocator = Allocator()
    assert allocator.choose(3e6, 0, {"video0": Demand(180, THREE)}, 0.0) == {"video0": "q"}
    assert allocator.choose(3e6, 0, {"video0": Demand(720, THREE)}, 0.1) == {"video0": "f"}
    assert allocator.choose(3e6, 0, {"video0": Demand(180, THREE)}, 0.2) == {"video0": "q"}
    assert allocator.choose(3e6, 0, {"video0": Demand(720, THREE)}, 0.3 + STEP) == {"video0": "f"}


def test_a_tile_that_appears_has_a_picture_at_once_even_after_a_step_down() -> None:
    allocator = Allocator()
    allocator.choose(2e6, 0, a_viewer(), 0.0)
    allocator.choose(800e3, 0, a_viewer(), 1.0)
    demands = {"video0": Demand(720, THREE), "video1": Demand(180, THREE)}
    assert allocator.choose(800e3, 0, demands, 1.1) == {"video0": "h", "video1": "q"}
    hidden = {"video0": Demand(720, THREE), "video1": Demand(0, THREE)}
    assert allocator.choose(800e3, 0, hidden, 1.2) == {"video0": "h", "video1": ""}
    assert allocator.choose(800e3, 0, demands, 1.3) == {"video0": "h", "video1": "q"}


def test_another_source_whose_layers_have_other_names_has_a_picture_at_once() -> None:
    allocator = Allocator()
    allocator.choose(2e6, 0, a_viewer(), 0.0)
    allocator.choose(800e3, 0, a_viewer(), 1.0)
    assert allocator.choose(800e3, 0, {"video0": Demand(720, ONE)}, 1.1) == {"video0": "only"}


def test_a_single_layer_is_paused_only_after_it_was_far_too_much_for_long_and_comes_back_with_a_margin() -> None:
    allocator, demands = Allocator(), {"video0": Demand(720, ONE)}
    assert allocator.choose(2e6, 0, demands, 0.0) == {"video0": "only"}
    assert allocator.choose(0.75e6, 0, demands, 10.0) == {"video0": "only"}
    assert allocator.choose(0.5e6, 0, demands, 20.0) == {"video0": "only"}
    assert allocator.choose(0.9e6, 0, demands, 21.0) == {"video0": "only"}
    assert allocator.choose(0.5e6, 0, demands, 22.0) == {"video0": "only"}
    assert allocator.choose(0.5e6, 0, demands, 22.1 + PATIENCE) == {"video0": ""}
    assert allocator.paused == {"video0"}
    assert allocator.choose(1.1e6, 0, demands, 60.0) == {"video0": ""}
    assert allocator.choose(1.2e6, 0, demands, 61.0) == {"video0": "only"}
    assert not allocator.paused


def test_the_last_picture_is_kept_through_a_short_dip_and_left_out_after_a_longer_one() -> None:
    allocator = Allocator()
    assert allocator.choose(400e3, 0, a_viewer(), 0.0) == {"video0": "q"}
    assert allocator.choose(100e3, 0, a_viewer(), 20.0) == {"video0": "q"}
    assert allocator.choose(200e3, 0, a_viewer(), 20.5) == {"video0": "q"}
    assert allocator.choose(100e3, 0, a_viewer(), 21.0) == {"video0": "q"}
    assert allocator.choose(100e3, 0, a_viewer(), 21.1 + LAST_PATIENCE) == {"video0": ""}


def test_of_several_pictures_that_do_not_fit_the_most_important_one_is_kept_through_a_dip() -> None:
    demands = {f"video{index}": Demand(180, THREE) for index in range(3)} | {"video3": Demand(180, THREE, SPEAKER)}
    allocator = Allocator()
    assert allocator.choose(700e3, 0, demands, 0.0) == dict.fromkeys(demands, "q")
    assert allocator.choose(100e3, 0, demands, 10.0) == {"video0": "", "video1": "", "video2": "", "video3": "q"}


def test_a_picture_that_was_left_out_is_back_soon_and_later_if_that_does_not_last() -> None:
    allocator, now = Allocator(), 100.0
    allocator.choose(200e3, 0, a_viewer(), now)
    waits = []
    for _ in range(5):
        while allocator.choose(100e3, 0, a_viewer(), now) != {"video0": ""}:
            now += 0.1
        left = now
        while allocator.choose(200e3, 0, a_viewer(), now) == {"video0": ""}:
            now += 0.1
        waits.append(round(now - left))
    assert waits == [2, 4, 8, 16, 16]


def test_an_estimate_that_is_no_longer_probed_is_enough_for_what_is_wanted() -> None:
    allocator = Allocator()
    allocator.choose(600e3, 0, a_viewer(), 0.0)
    assert allocator.choose(0.94 * allocator.wanted, 0, a_viewer(), 10.0) == {"video0": "h"}
    assert allocator.choose(0.96 * allocator.wanted, 0, a_viewer(), 20.0) == {"video0": "f"}


def test_wanted_is_what_everything_shown_would_need_with_the_margin() -> None:
    allocator = Allocator()
    demands = {
        "video0": Demand(720, THREE),
        "video1": Demand(180, THREE),
        "video2": Demand(0, THREE),
        "video3": Demand(180, ()),
    }
    allocator.choose(300e3, 50e3, demands, 0.0)
    assert allocator.wanted == 50e3 + 1.65e6 / MARGIN


class AnyViewer(RuleBasedStateMachine):
    """Whatever estimates and tiles come: no slot goes down and up again within the hold, unless its tile changed or it had
    nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.allocator, self.now = Allocator(), 0.0
        self.demands: dict[str, Demand] = {"video0": Demand(720, THREE), "video1": Demand(360, THREE, SPEAKER)}
        self.down_at = float("-inf")
        self.choice: dict[str, str] = {}
        self.changed = True

    @rule(estimate=st.floats(0, 5e6), later=st.floats(0.05, 3))
    def choose(self, estimate: float, later: float) -> None:
        self.now += later
        before, self.choice = self.choice, self.allocator.choose(estimate, 50e3, self.demands, self.now)
        if not self.changed:
            moves = [demand.index(self.choice[slot]) - demand.index(before[slot]) for slot, demand in self.demands.items()]
            if any(move > 0 for move in moves):
                returns = all(before[slot] == "" for slot, move in zip(self.demands, moves, strict=True) if move > 0)
                assert self.now - self.down_at >= (RETURN if returns else 5)
            if any(move < 0 for move in moves):
                self.down_at = self.now
        self.changed = False
        self.estimate = estimate

    @rule(
        slot=st.sampled_from(["video0", "video1", "screen0"]),
        demand=st.builds(Demand, st.sampled_from([0, 180, 720]), st.just(THREE)),
    )
    def look(self, slot: str, demand: Demand) -> None:
        self.demands[slot] = demand
        self.changed = True

    @invariant()
    def within_the_estimate(self) -> None:
        if self.choice and not self.changed:
            rates = [
                self.demands[slot].layers[self.demands[slot].index(name)].bitrate
                for slot, name in self.choice.items()
                if name
            ]
            assert not rates or sum(rates) <= self.estimate - 50e3 + 1e-6 or rates == [150e3]  # the last one is kept a while


TestAnyViewer = AnyViewer.TestCase
