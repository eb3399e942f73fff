"""A PostgreSQL of one's own, for tests and benchmarks: a new cluster in a temporary folder, on a free port of the loopback,
with everything on that makes commits durable. Needs the programs of the Debian package `postgresql`, or of any other."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

START_SECONDS: Final = 120
USERS: Final = ("postgres", "nobody")  # as whom it runs where we are root, which it refuses

# Ends it with whoever started it, whatever became of them: then nobody writes to this any more.
WATCH: Final = 'read nothing; kill -QUIT "$1"; while kill -0 "$1"; do sleep 0.1; done 2>/dev/null; rm -rf "$2"'

Stop = Literal["fast", "immediate"]  # tells its clients; or dies as in a power cut


def find_programs() -> Path | None:
    """The folder with `initdb` and `postgres`: the newest of Debian's, else whatever is on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("postgres")
    program = found[-1] if found else Path(on_path).resolve() if on_path else None
    return program.parent if program is not None and (program.parent / "initdb").exists() else None


class PostgresServer:
    """`with PostgresServer() as server:`, then `server.create(name)`. `parent`: where its folder is made. Raises
    `LookupError` where PostgreSQL is missing."""

    def __init__(self, parent: Path | None = None, **settings: str) -> None:
        programs = find_programs()
        if programs is None:
            raise LookupError("PostgreSQL is not installed (on Debian: apt install postgresql)")
        self._programs = programs
        self._settings = settings
        self._folder = Path(tempfile.mkdtemp(prefix="plenum-postgres-", dir=parent))
        self._user: str | None = None
        if os.geteuid() == 0:
            known = {user.pw_name for user in pwd.getpwall()}
            self._user = next(name for name in USERS if name in known)
            shutil.chown(self._folder, self._user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._make()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The first process, whose end is everybody's."""
        assert self._process is not None, "start() first"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def folder(self) -> Path:
        """Where the cluster's files are."""
        return self._folder / "data"

    def _make(self) -> None:
        """The cluster's files."""
        self._run("initdb", "--auth=trust", "--username=plenum", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "data")

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://plenum@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Returns once it takes connections."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self._folder),
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "max_connections": "200",
            "shared_buffers": "64MB",
            **self._settings,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            command = [str(self._programs / "postgres"), "-D", str(self.folder), *options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **self._as())
        watch = ["sh", "-c", WATCH, "sh", str(self._process.pid), str(self._folder)]
        self._watcher = subprocess.Popen(watch, stdin=subprocess.PIPE, **self._as())
        give_up_at = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"PostgreSQL did not start: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self, how: Stop = "fast") -> None:
        """Ends it and waits for its end. "immediate": without a word to anybody and without tidying up."""
        if self._process is not None and self._process.poll() is None:
            self._run("pg_ctl", "stop", "-D", "data", "-m", how, "-w", "-t", str(START_SECONDS))
            self._process.wait(START_SECONDS)
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher.communicate()
            self._watcher = None

    def restart(self, how: Stop = "fast") -> None:
        self.stop(how)
        self.start()

    def create(self, name: str) -> str:
        """A new database; returns its address."""
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def create_schemas(self, names: Sequence[str]) -> list[str]:
        """Empty schemas in the first database, which are cheaper than databases; returns addresses that lead into them."""
        self.execute("".join(f'CREATE SCHEMA "{name}";' for name in names))
        return [f"{self.url()}?search_path={name}" for name in names]

    def execute(self, statement: str, name: str = "postgres") -> str:
        """What psql prints, without headings."""
        arguments = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "plenum", "-d", name, "-qAtX", "-v", "ON_ERROR_STOP=1")
        return self._run("psql", *arguments, "-c", statement).strip()

    def _is_ready(self) -> bool:
        arguments = ("-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "plenum", "-d", "postgres")
        return subprocess.run([self._programs / "pg_isready", *arguments], **self._as()).returncode == 0

    def _run(self, program: str, *arguments: str) -> str:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [self._programs / program, *arguments], capture_output=True, text=True, **self._as()
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _as(self) -> dict[str, Any]:
        """Who runs its programs, and where."""
        who: dict[str, Any] = {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid} if self._user else {}
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LD_PRELOAD"))}
        return {"cwd": self._folder, "env": environment, **who}


class PostgresStandby(PostgresServer):
    """Follows a server that runs, by streaming replication, until it is promoted to be one itself."""

    def __init__(self, primary: PostgresServer, **settings: str) -> None:
        super().__init__(None, **settings)
        self._primary = primary

    def promote(self) -> None:
        """Returns once it takes writes."""
        self._run("pg_ctl", "promote", "-D", "data", "-w", "-t", str(START_SECONDS))

    def _make(self) -> None:
        origin = ("-h", "127.0.0.1", "-p", str(self._primary.port), "-U", "plenum")
        self._run("pg_basebackup", *origin, "-D", "data", "-R", "-X", "stream", "-c", "fast", "--no-sync")
