"""What a contender's process has to say is heard, whenever it said it."""

from __future__ import annotations

from multiprocessing import Pipe

import pytest

from bench.arena import Entrant


def test_a_contender_that_ended_while_nothing_was_asked_of_it_has_said_why() -> None:
    entrant = Entrant.__new__(Entrant)  # without its process
    entrant.name = "Plenum"
    entrant._pipe, theirs = Pipe()
    theirs.send(SystemExit("member 7 lost: 1012"))
    theirs.close()
    with pytest.raises(SystemExit, match="Plenum: member 7 lost: 1012"):
        entrant.run(1)
