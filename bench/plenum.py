"""Plenum's real server for the benchmarks: a conference with as many people as wanted, all signed in.

`python -m bench.plenum IO_URING DIRECTORY PORT` serves a prepared one on a port of the loopback (0: any that is free),
until its standard input ends. What else `bench.setups.Place` says stands in the environment, as it has passwords in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Final

import uvicorn
from starlette.responses import Response

from bench.setups import Place
from rooms.messages import Role
from server.database import Database
from server.identity import Identity
from server.links import Links
from server.people import Import, People, Person
from server.secret import read_secret
from server.serve import calm_collector, configuration
from server.settings import Settings

SESSION: Final = "plenary"
STREAM: Final = f"session/{SESSION}"
MODERATOR: Final = 0  # the number of the person who moderates
SPEAKER: Final = 1  # and of the one who may speak, where somebody is to

PROGRAMME: Final = """\
name = "Benchmark"
organiser = "Nobody"
time_zone = "Europe/Stockholm"
languages = ["sv", "en"]

[[rooms]]
id = "hall"
title = "Hall"

[[sessions]]
id = "plenary"
title = "Plenary"
kind = "plenary"
start = "2027-03-25 09:00"
end = "2027-03-25 17:00"
room = "hall"
"""


def settings(place: Place, port: int = 0, io_uring: str = "auto") -> Settings:
    """As installed, but for the ports, and that the whole hall comes from one address."""
    return Settings(
        directory=place.directory,
        database_url=place.database_url,
        redis_url=place.redis_url,
        secret=place.secret,
        port=port,
        public_addresses="127.0.0.1",
        media_port=0,
        io_uring=io_uring,
        connections=100_000,
        connections_per_address=100_000,
        log_level="warning",
    )


def prepare(place: Place, people: int, *, has_speaker: bool = False) -> list[str]:
    """Makes a conference; returns each person's cookie ("name=value")."""
    (place.directory / "conference.toml").write_text(PROGRAMME)
    return asyncio.run(_invite(settings(place), people, has_speaker))


async def _invite(settings: Settings, count: int, has_speaker: bool) -> list[str]:
    database = Database(settings.database)
    await database.open()
    everybody, secret = People(database), read_secret(settings)
    links = Links(database, secret)
    await everybody.load()
    roles: dict[int, Role] = {MODERATOR: "moderator", **({SPEAKER: "speaker"} if has_speaker else {})}
    added = tuple(_person(number, roles.get(number, "attendee")) for number in range(count))
    await everybody.apply(Import(added, (), (), ()))
    tokens = await links.ensure_all(person.id for person in added)
    identity = Identity(secret, links, everybody, secure=False)
    cookies = []
    for person in added:
        response = Response()
        identity.sign_in(response, tokens[person.id])
        cookies.append(response.headers["set-cookie"].partition(";")[0])
    await database.close()
    return cookies


def person_id(number: int) -> str:
    return f"person-{number}"


def _person(number: int, role: Role) -> Person:
    return Person(
        person_id(number),
        f"Person {number}",
        f"person{number}@example.org",
        roles=(role,),
    )


def hello(number: int) -> bytes:
    """The first frame of everybody: they follow the conference and the session."""
    return _json({"type": "hello", "client": f"client-{number}", "follow": {"conference": 0, STREAM: 0}})


def do(command_id: int, stream: str, command: dict[str, object]) -> bytes:
    return _json({"type": "do", "id": command_id, "stream": stream, "command": command})


def go_live() -> list[tuple[str, dict[str, object]]]:
    """What the moderator does to begin: stream and command."""
    return [("conference", {"type": f"session.{step}", "session_id": SESSION}) for step in ("prepare", "go_live")]


def draft() -> dict[str, object]:
    options = ["Ja, som föreslaget", "Ja, med tillägget", "Nej", "Jag avstår"]
    return {"type": "poll.draft", "title": "Ska styrelsens förslag antas?", "options": options, "anonymous": False}


def open_poll(poll_id: str) -> dict[str, object]:
    return {"type": "poll.open", "poll_id": poll_id}


def answer(poll_id: str, option: int) -> dict[str, object]:
    return {"type": "poll.answer", "poll_id": poll_id, "option": option}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def command(place: Place, io_uring: str, port: int = 0) -> tuple[tuple[str, ...], dict[str, str]]:
    """What starts a node: the command line, and what is added to the environment."""
    secret = {"BENCH_DATABASE_URL": place.database_url, "BENCH_REDIS_URL": place.redis_url, "BENCH_SECRET": place.secret}
    return (sys.executable, "-m", "bench.plenum", io_uring, str(place.directory), str(port)), secret


def serve(io_uring: str, directory: Path, port: int) -> None:
    """Serves, and says on standard output on which port."""
    database_url, redis_url, secret = (os.environ[f"BENCH_{name}"] for name in ("DATABASE_URL", "REDIS_URL", "SECRET"))
    place = Place(directory, database_url, redis_url, secret)
    calm_collector()
    with socket.create_server(("127.0.0.1", port), backlog=2048) as listener:
        port = listener.getsockname()[1]
        server = uvicorn.Server(configuration(settings(place, port, io_uring)))
        threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
        print(port, flush=True)
        server.run(sockets=[listener])


def _end_with_parent(server: uvicorn.Server) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    server.should_exit = True


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
