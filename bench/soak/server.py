"""`python -m bench.soak.server DIRECTORY`: the real server and its media workers on a prepared conference, on a free port of
the loopback, until its standard input ends. Says the port on standard output."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path

import uvicorn
import uvloop

from bench.plenum import settings
from bench.setups import Place
from live.engine import EmbeddedEngine
from live.limits import Limits
from server.serve import calm_collector, configuration


async def serve(options: argparse.Namespace) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        port = listener.getsockname()[1]
        wanted = replace(settings(Place(options.directory), port), metrics_token=options.token)
        limits = Limits(idle=options.idle, setup=options.setup)
        async with EmbeddedEngine(wanted.media_hosts, workers=options.workers, limits=limits) as engine:
            calm_collector()
            server = uvicorn.Server(configuration(wanted, engine))
            threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
            print(port, flush=True)
            await server.serve(sockets=[listener])


def _end_with_parent(server: uvicorn.Server) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    server.should_exit = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--token", required=True, help="lets read /metrics")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--idle", type=float, default=30.0, help="seconds of silence until a peer is given up")
    parser.add_argument("--setup", type=float, default=15.0, help="seconds from the offer to the handshake")
    uvloop.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
