"""The log is about nobody: no line that we write has what would say who, at whatever level."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = sorted(path for folder in ("server", "live", "recordings") for path in (ROOT / folder).rglob("*.py"))
LOGGERS: Final = frozenset({"_log", "log", "logger", "self.logger"})
LEVELS: Final = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})

# Names of what says who somebody is, or has it in it: parts of identifiers, as `person_id`, `actor.name`, `link.token`.
PERSONAL: Final = frozenset(
    {"person", "people", "actor", "email", "token", "label", "text", "comment", "host", "client", "address", "cookie"}
    | {"headers", "scope", "request", "url", "path", "query", "body", "speaker", "participant", "voter", "voters", "link"}
)
# What has such a name and is about nobody. `request`: another node's question, of which the type is told.
HARMLESS: Final = {("server/cluster/media_calls.py", "request")}


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS
        if isinstance(node, ast.Call) and is_method and ast.unparse(node.func).rpartition(".")[0] in LOGGERS:
            yield node


def words(call: ast.Call) -> Iterator[str]:
    """Of all identifiers in what is told; an event's words are no identifiers."""
    for part in [*call.args, *(keyword.value for keyword in call.keywords)]:
        for node in ast.walk(part):
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            yield from name.strip("_").split("_")


def told(source: Path) -> Iterator[tuple[int, str]]:
    where = source.relative_to(ROOT).as_posix()
    for call in calls(ast.parse(source.read_text())):
        for word in words(call):
            if word in PERSONAL and (where, word) not in HARMLESS:
                yield call.lineno, word


def test_no_call_of_a_logger_is_handed_what_says_who() -> None:
    found = [f"{source.relative_to(ROOT)}:{line}: {word}" for source in SOURCES for line, word in told(source)]
    assert found == []


def test_all_of_them_are_looked_at() -> None:
    """As many as a plain search finds: nobody logs by another name."""
    count = sum(1 for source in SOURCES for _ in calls(ast.parse(source.read_text())))
    assert count >= 40
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                maker = ast.unparse(node.value.func)
                if maker.endswith(("get_logger", "getLogger")):
                    assert {ast.unparse(target) for target in node.targets} <= LOGGERS, source


@pytest.mark.parametrize(
    "line",
    ['_log.info("x", who=person.id)', 'logger.debug("%s", self._actor.name)', '_log.warning(f"lost {row.email}")'],
)
def test_it_would_be_found(line: str) -> None:
    (call,) = calls(ast.parse(line))
    assert set(words(call)) & PERSONAL
