"""The demonstration's server process: `python -m server.demo.serving`. The real server, which also ends with its parent."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import uvicorn

from server.demo.orders import STDIN, ServerOrders, read
from server.demo.preparation import settings_of
from server.serve import configuration


def main() -> None:
    orders = read(ServerOrders)
    if orders is None:
        return
    server = uvicorn.Server(configuration(settings_of(Path(orders.directory), orders.port)))

    def end_with_parent() -> None:
        while os.read(STDIN, 4096):
            pass
        server.should_exit = True

    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        server.run()
    finally:
        if orders.throw_away:  # the parent does it too, unless it was killed
            shutil.rmtree(orders.directory, ignore_errors=True)


if __name__ == "__main__":
    main()
