"""The reference: OR-tools' CP-SAT on one round, as JSON on standard input; run by a Python that has it.

Takes what `bench/grouping/reference.py` sends, and answers what its `Answer` holds. People are counted by category in each
group, not by pairs, so that the model stays small: n people of a category are n(n-1)/2 alike pairs, a sum over literals "at
least k".
"""

from __future__ import annotations

import json
import sys
import time
from itertools import pairwise
from typing import Any

from ortools.sat.python import cp_model


class Model:
    """x[unit][group] says where each unit is."""

    def __init__(self, instance: dict[str, Any]) -> None:
        self.model = cp_model.CpModel()
        self.instance = instance
        self.sizes: list[int] = instance["sizes"]
        self.groups = range(instance["groups"])
        self.units = range(len(self.sizes))
        self.x = [[self.model.new_bool_var("") for _ in self.groups] for _ in self.units]
        self.cost: list[Any] = []
        self._place()
        self._part()
        self._cover()
        self._pull()
        for kind, cost, categories in instance["rules"]:
            self._rule(kind, cost, categories)
        self.model.minimize(sum(self.cost))

    def _place(self) -> None:
        people = sum(self.sizes)
        least, most = people // len(self.groups), -(-people // len(self.groups))
        for row in self.x:
            self.model.add_exactly_one(row)
        for group in self.groups:
            load = sum(size * self.x[unit][group] for unit, size in enumerate(self.sizes))
            self.model.add_linear_constraint(load, least, most)
        for unit, group in enumerate(self.instance["start"]):
            for at in self.groups:
                self.model.add_hint(self.x[unit][at], at == group)

    def _part(self) -> None:
        """Of units that have met, and of units to be kept apart, at most one in a group."""
        for units in self.instance["parted"]:
            for group in self.groups:
                self.model.add_at_most_one(self.x[unit][group] for unit in units)

    def _cover(self) -> None:
        for group in self.groups:
            for having in self.instance["covers"]:
                self.model.add_bool_or(self.x[unit][group] for unit in having)

    def _pull(self) -> None:
        for group, row in enumerate(self.instance["pull"]):
            self.cost += [cost * self.x[unit][group] for unit, cost in enumerate(row) if cost]

    def _rule(self, kind: str, cost: int, categories: list[dict[str, int]]) -> None:
        """`categories`: of each unit, how many people there are of each category."""
        names = sorted({name for unit in categories for name in unit})
        for group in self.groups:
            counts = {
                name: self._count([(unit[name], self.x[at][group]) for at, unit in enumerate(categories) if name in unit])
                for name in names
            }
            alike = sum(self._pairs(count) for count in counts.values())
            if kind in ("spread", "rare"):
                self.cost.append(cost * alike)
            elif kind == "same":
                known = self._count([(sum(unit.values()), self.x[at][group]) for at, unit in enumerate(categories) if unit])
                self.cost.append(cost * (self._pairs(known) - alike))
            else:
                self.cost += [
                    cost * self._product(counts[one], counts[other])
                    for one in names
                    for other in names
                    if int(other) - int(one) > 1
                ]

    def _count(self, terms: list[tuple[int, Any]]) -> list[Any]:
        """Literals "at least 1", "at least 2", ... of a sum."""
        most = min(self.instance["seats"], sum(amount for amount, _ in terms))
        literals = [self.model.new_bool_var("") for _ in range(most)]
        for low, high in pairwise(literals):
            self.model.add_implication(high, low)
        self.model.add(sum(literals) == sum(amount * variable for amount, variable in terms))
        return literals

    def _pairs(self, count: list[Any]) -> Any:
        return sum(at * literal for at, literal in enumerate(count))

    def complete_start(self) -> tuple[list[list[int]], float]:
        """Works out what follows from the start for all other variables, so that the search begins with a solution. Its
        groups and its cost."""
        solver = cp_model.CpSolver()
        solver.parameters.fix_variables_to_their_hinted_value = True
        solver.parameters.num_workers = 1
        if solver.solve(self.model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            raise SystemExit("the start breaks a must of the model")
        self.model.clear_hints()
        for index in range(len(self.model.proto.variables)):
            variable = self.model.get_int_var_from_proto_index(index)
            self.model.add_hint(variable, solver.value(variable))
        start = self.instance["start"]
        return [[unit for unit in self.units if start[unit] == group] for group in self.groups], solver.objective_value

    def _product(self, one: list[Any], other: list[Any]) -> Any:
        most = len(one) * len(other)
        product = self.model.new_int_var(0, most, "")
        self.model.add_multiplication_equality(product, [sum(one), sum(other)])
        return product


def main() -> None:
    instance = json.load(sys.stdin)
    began = time.monotonic()
    built = Model(instance)
    start = built.complete_start()
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = max(1.0, instance["seconds"] - (time.monotonic() - began))
    solver.parameters.num_workers = instance["workers"]
    solver.parameters.random_seed = 1
    solver.parameters.symmetry_level = 0  # that rooms can be exchanged costs more to find out than it saves
    solver.parameters.cp_model_probing_level = 0
    solver.parameters.log_search_progress = "--log" in sys.argv
    solver.parameters.log_to_stdout = False
    solver.log_callback = lambda line: print(line, file=sys.stderr)
    status = solver.solve(built.model)
    groups, cost = start
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        groups = [[unit for unit in built.units if solver.value(built.x[unit][group])] for group in built.groups]
        cost = solver.objective_value
    answer = {
        "groups": groups,
        "cost": cost,
        "bound": solver.best_objective_bound,
        "status": solver.status_name(status),
        "seconds": time.monotonic() - began,
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
