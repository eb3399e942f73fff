"""The page's side of shared notes against the server's: whatever is lost on the way, all read the same in the end."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path
from random import Random
from typing import Any

import pytest

from server.notes.document import EMPTY, merge, missing, text_of, vector_of
from tests.web.node import ROOT, node_command

PAGES = Path(__file__).with_name("notes_pages.mjs")


class Server:
    """Answers what pages ask; loses some of it."""

    def __init__(self, seed: int) -> None:
        self.state = EMPTY
        self.random = Random(seed)
        self.lost = 0

    def answer(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        if self.random.random() < 0.1:
            self.lost += 1
            return [{"id": asked["id"], "code": self.random.choice(["network", "try_again"])}]
        update, vector = b64decode(asked["update"]), b64decode(asked["vector"])
        if update:
            self.state = merge(self.state, update)
        told = [
            {"page": page, "heard": asked["update"]}
            for page in range(4)
            if update and page != asked["page"] and self.random.random() < 0.7
        ]
        back = missing(self.state, vector)
        return [*told, {"id": asked["id"], "update": encode(back), "vector": encode(vector_of(self.state))}]


def encode(data: bytes) -> str:
    return b64encode(data).decode()


@pytest.mark.parametrize("seed", [1, 2])
def test_pages_that_write_at_once_and_the_server_read_the_same_in_the_end(seed: int) -> None:
    server = Server(seed)
    with subprocess.Popen(
        [node_command(), str(PAGES), str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as pages:
        assert pages.stdin is not None and pages.stdout is not None
        texts: list[str] = []
        for line in pages.stdout:
            asked = json.loads(line)
            if "texts" in asked:
                texts = asked["texts"]
                break
            for answer in server.answer(asked):
                pages.stdin.write(json.dumps(answer) + "\n")
            pages.stdin.flush()
    assert len(texts) == 4 and set(texts) == {text_of(server.state)}
    assert len(texts[0]) > 30 and server.lost
