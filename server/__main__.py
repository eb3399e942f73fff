"""The command line: `plenum`, or `python -m server`. Errors are one line on standard error and exit status 2.

The server itself is started past typer (`cli/commands.py`), which takes a third as long to load as the server: after a
crash a whole conference waits for that.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final, NoReturn

from server.cli.failure import INTERRUPTED, describe, printable
from server.cli.running import plain_orders, run_conference

FAILED: Final = 2


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a command and exits."""
    sys.exit(_run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: Sequence[str]) -> int:
    try:
        if orders := plain_orders(arguments):
            run_conference(orders)
            return 0
        from server.cli.commands import run_command

        return run_command(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader went away (`| head`); nothing more is to be flushed
        return 0
    except Exception as error:
        if os.environ.get("PLENUM_LOG_LEVEL", "").lower() == "debug":
            traceback.print_exc()
        return _fail(describe(error) or f"unexpected error: {error!r}; PLENUM_LOG_LEVEL=debug shows where")


def _fail(line: str) -> int:
    print(f"plenum: {printable(line)}", file=sys.stderr, flush=True)
    return FAILED


if __name__ == "__main__":
    main()
