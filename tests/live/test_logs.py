"""What a worker logs: one JSON object a line, and no addresses."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.logs import HIDDEN, JsonLines, without_addresses


def written(script: str) -> list[dict[str, Any]]:
    """The lines of a process that is configured as a worker."""
    command = [sys.executable, "-c", f"import logging, warnings\nfrom live import logs\nlogs.configure(worker=3)\n{script}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_warnings_exceptions_and_last_words_are_json_lines() -> None:
    lines = written(
        "logging.getLogger('aioice').warning('no answer from %s', ('192.0.2.7', 4000))\n"
        "warnings.warn('old: 2001:db8::7')\n"
        "def fail(secret):\n    raise ValueError('from 2001:db8::7')\n"
        "try:\n    fail('hemligt')\nexcept ValueError as error:\n    raise OSError('to 192.0.2.7: gone') from error\n"
    )
    assert [(line["worker"], line["level"], line["logger"]) for line in lines] == [
        (3, "warning", "aioice"),
        (3, "warning", "py.warnings"),
        (3, "critical", "plenum.live"),
    ]
    assert lines[0]["event"] == f"no answer from ('{HIDDEN}', 4000)"
    assert all(line["timestamp"].endswith("Z") for line in lines)
    told = [(one["exc_type"], one["exc_value"]) for one in lines[2]["exception"]]
    assert told == [("OSError", f"to {HIDDEN}: gone"), ("ValueError", f"from {HIDDEN}")]
    assert [frame["name"] for frame in lines[2]["exception"][1]["frames"]] == ["<module>", "fail"]
    text = json.dumps(lines)
    assert not any(word in text for word in ("192.0.2.7", "2001:db8", "hemligt"))


def test_people_are_in_no_line_whatever_a_library_was_handed() -> None:
    """Workers know people's ids: they are what peers are labelled with."""
    person = "p" + "0a" * 8
    lines = written(
        f"who = {person!r}\n"
        "logging.getLogger('x').error('broken for %s, anna@example.org', {'label': who})\n"
        "raise KeyError(who)\n"
    )
    assert lines[0]["event"] == "broken for {'label': '(person)'}, (email)"
    assert [one["exc_value"] for one in lines[1]["exception"]] == ["'(person)'"]
    assert person not in json.dumps(lines)


def test_a_worker_says_so_in_a_line_when_its_port_is_taken() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        options = (f"--control={theirs.fileno()}", "--index=5", "--hosts=127.0.0.1", f"--port={port}", "--pure")
        command = [sys.executable, "-m", "live.worker", *options]
        done = subprocess.run(command, pass_fds=[theirs.fileno()], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = map(json.loads, done.stderr.splitlines())
    assert (line["worker"], line["level"]) == (5, "error")
    assert f"cannot listen on port {port}: Address already in use" in line["event"]


@given(st.ip_addresses(), st.sampled_from(["{}", "to {}:", "({}, 80)", "[{}]:80", "from {}.", "'{}'", "{}, {}"]))
def test_every_address_is_hidden_wherever_it_stands(address: object, where: str) -> None:
    text = without_addresses(where.replace("{}", str(address)))
    assert str(address) not in text
    assert text == where.replace("{}", HIDDEN)


@pytest.mark.parametrize("text", ["at 12:02:18", "version 1.16.0", "x::y of C++", "1.2.3", "10 of 20", "peer: left: early"])
def test_what_is_no_address_stays(text: str) -> None:
    assert without_addresses(text) == text


def test_line_ends_and_odd_characters_stay_in_their_line() -> None:
    record = logging.LogRecord("x", logging.ERROR, "", 0, "two\nlines \u2028 %s", ("å\x1b",), None)
    line = JsonLines(worker=0).format(record)
    assert line.isascii() and "\n" not in line
    assert json.loads(line)["event"] == "two\nlines \u2028 å\x1b"
