"""How long `plenum run` takes from its start to the first page, on a conference that has just been set up.

`make bench-start`. The first start, which fills the system's file cache, is not counted. The last line is JSON, in seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from bench.measures import median, percentile


def start_once(directory: str) -> float:
    """Seconds until the first page has been read."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = (sys.executable, "-m", "server", "run", "-C", directory, "--port", str(port))
    began = time.monotonic()
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "PLENUM_MEDIA_PORT": "0"}) as process:
        try:
            while process.poll() is None:
                with contextlib.suppress(urllib.error.URLError, ConnectionError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/").read()
                    return time.monotonic() - began
                time.sleep(0.005)
        finally:
            process.send_signal(signal.SIGINT)
    raise SystemExit("plenum: the server did not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="plenum-bench-") as name:
        subprocess.run((sys.executable, "-m", "server", "init", f"{name}/c"), check=True, stdout=subprocess.DEVNULL)
        times = [start_once(f"{name}/c") for _ in range(rounds + 1)][1:]
    print(f"first page after {median(times):.2f} s (median of {rounds}), at most {max(times):.2f} s")
    print(json.dumps({"median_s": round(median(times), 3), "p90_s": round(percentile(times, 0.9), 3)}))


if __name__ == "__main__":
    main()
