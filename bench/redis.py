"""A Redis of one's own, for tests and benchmarks: in a temporary folder, on a free port of the loopback, that can be paused,
killed and started again. Needs the program of the Debian package `redis-server`, or of any other."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

START_SECONDS: Final = 60

# Ends it with whoever started it, whatever became of them.
WATCH: Final = 'read nothing; kill -KILL "$1"; rm -rf "$2"'


class RedisServer:
    """`with RedisServer() as server:`, then `server.url(0)`. Raises `LookupError` where Redis is missing."""

    def __init__(self) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            raise LookupError("Redis is not installed (on Debian: apt install redis-server)")
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="plenum-redis-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, number: int = 0) -> str:
        """The address of one of its databases."""
        return f"redis://127.0.0.1:{self.port}/{number}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "start() first"
        return self._process.pid

    def start(self) -> None:
        """Returns once it answers. Nothing is kept on the disk: a restart forgets everything."""
        options = {"port": str(self.port), "bind": "127.0.0.1", "save": "", "appendonly": "no", "databases": "1024"}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([self._program, *words], cwd=self._folder, stdout=log, stderr=log)
        watch = ["sh", "-c", WATCH, "sh", str(self._process.pid), str(self._folder)]
        self._watcher = subprocess.Popen(watch, stdin=subprocess.PIPE)
        give_up_at = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"Redis did not start: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        """As a power cut would."""
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher.communicate()
            self._watcher = None
        if self._process is not None:
            self._process.kill()
            self._process.wait(START_SECONDS)
            self._process = None

    def pause(self) -> None:
        """It takes connections and answers nothing, until `go_on`."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def command(self, *words: str) -> bytes:
        """The first of its answer, as it came. For FLUSHALL and the like."""
        with socket.create_connection(("127.0.0.1", self.port), START_SECONDS) as connection:
            parts = b"".join(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words)
            connection.sendall(b"*%d\r\n%s" % (len(words), parts))
            return connection.recv(65_536)

    def _answers(self) -> bool:
        try:
            return self.command("PING").startswith(b"+PONG")
        except OSError:
            return False
