"""A Tryton 8.2 server of our own: environment, SQLite database, process, all in one folder."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import signal
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import httpx2
import msgspec

from gateway.demo.servers.process import Child, ServerError, make_venv

DEMO = Path(__file__).resolve().parents[1]
REQUIREMENTS = DEMO / "requirements" / "tryton.txt"
SEED = DEMO / "tryton_seed.py"
MODULES = (
    "ir", "res", "party", "product", "sale", "sale_opportunity", "account", "account_invoice",
    "account_invoice_stock", "stock", "country", "currency", "company",
)  # fmt: skip
DATABASE = "demo"
ADMIN = "admin"
GATEWAY = "headrace"


class SeedSizes(msgspec.Struct, frozen=True):
    """How much the seeded company has; the same seed and sizes give the same rows."""

    parties: int = 140
    sales: int = 180
    opportunities: int = 80
    seed: int = 7


class TrytonServer:
    """One server on a loopback port. `folder` holds its database, passwords, configuration and
    log; `venv` its Python environment, which several servers may share.

    Two people may sign in: `admin`, who may do everything, and `headrace`, the user of the
    gateway, who has the rights of a sales clerk. Their passwords are made up when the database
    is, and lie beside it.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        venv: Path | None = None,
        requirements: Path = REQUIREMENTS,
        modules: Sequence[str] = MODULES,
    ) -> None:
        self.folder = folder.resolve()
        self.port = port
        self.venv = (venv or folder / "venv").resolve()
        self.requirements = requirements
        self.modules = modules
        self.child: Child | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database_file(self) -> Path:
        return self.folder / f"{DATABASE}.sqlite"

    @property
    def log(self) -> Path:
        return self.folder / "trytond.log"

    def password(self, user: str) -> str:
        return self._password_file(user).read_text().strip()

    async def install(self) -> Path:
        """Make the environment if it is not there yet; returns its python."""
        return await make_venv(self.venv, self.requirements)

    async def prepare(self, sizes: SeedSizes, cache: Path | None = None) -> bool:
        """Install, and put a seeded database in place: from `cache` where that holds one made
        by these versions, this script and these sizes, else made anew (and kept there).

        Returns whether it came from the cache.
        """
        await self.install()
        recipe = _recipe(sizes)
        if cache is not None and _recipe_of(cache) == recipe:
            self.restore(cache)
            return True
        await self.create()
        await self.seed(sizes)
        (self.folder / "recipe").write_text(recipe)
        if cache is not None:
            self.snapshot(cache)
        return False

    async def create(self) -> None:
        """An empty database with every module activated. Takes about half a minute."""
        self._clear()
        self.folder.mkdir(parents=True, exist_ok=True)
        for user in (ADMIN, GATEWAY):
            _write_private(self._password_file(user), secrets.token_urlsafe(18))
        self._configure()
        self.database_file.touch()
        await self._run(
            "trytond-admin",
            [
                str(self._script("trytond-admin")), "-c", str(self._config), "-d", DATABASE,
                "-u", *self.modules, "--activate-dependencies",
                "--email", "admin@example.com", "--password",
            ],
        )  # fmt: skip

    async def seed(self, sizes: SeedSizes) -> dict[str, float]:
        """Fill it with a trading company (`tryton_seed.py`); returns what was made."""
        output = await self._run(
            "tryton-seed",
            [
                str(SEED), "--config", str(self._config), "--database", DATABASE,
                "--user", GATEWAY, "--password-file", str(self._password_file(GATEWAY)),
                "--seed", str(sizes.seed), "--parties", str(sizes.parties),
                "--sales", str(sizes.sales), "--opportunities", str(sizes.opportunities),
            ],
        )  # fmt: skip
        made: dict[str, float] = json.loads(output.splitlines()[-1])
        return made

    async def start(self) -> None:
        """Start the server and wait until it answers. Raises ServerError with its log's tail."""
        self._configure()
        self.child = Child.start(
            "trytond",
            [self._python, self._script("trytond"), "-c", self._config, "-d", DATABASE],
            log=self.log,
            cwd=self.folder,
            env=_TRYTON_ENV,
        )
        try:
            async with httpx2.AsyncClient(trust_env=False, timeout=2) as client:
                await self.child.ready(lambda: _answers(client, self.url), within_secs=60)
        except BaseException:
            self.kill()
            raise

    async def stop(self) -> None:
        """Ask it to end: its database is then whole in one file."""
        if self.child is not None:
            # trytond ends cleanly on the interrupt a terminal would send, not on SIGTERM.
            await self.child.stop(within_secs=5, sig=signal.SIGINT)
            self.child = None

    def kill(self) -> None:
        """kill -9."""
        if self.child is not None:
            self.child.kill()
            self.child = None

    def snapshot(self, folder: Path) -> None:
        """Copy the database and its passwords to `folder`, replacing what is there."""
        fresh = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        # SQLite's own backup takes what is still in the write-ahead log along.
        with (
            contextlib.closing(sqlite3.connect(self.database_file)) as source,
            contextlib.closing(sqlite3.connect(fresh / self.database_file.name)) as target,
        ):
            source.backup(target)
        for user in (ADMIN, GATEWAY):
            _write_private(fresh / self._password_file(user).name, self.password(user))
        # The recipe comes last and the folder appears at once: half a snapshot is never used.
        (fresh / "recipe").write_text(_recipe_of(self.folder) or "")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)

    def restore(self, folder: Path) -> None:
        """Put a snapshot in place; the server must be stopped."""
        self._clear()
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / self.database_file.name, self.database_file)
        for user in (ADMIN, GATEWAY):
            name = self._password_file(user).name
            _write_private(self.folder / name, (folder / name).read_text().strip())
        (self.folder / "recipe").write_text(_recipe_of(folder) or "")

    @property
    def _python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def _config(self) -> Path:
        return self.folder / "trytond.conf"

    def _script(self, name: str) -> Path:
        return self.venv / "bin" / name

    def _password_file(self, user: str) -> Path:
        return self.folder / f"{user}.password"

    def _configure(self) -> None:
        self._config.write_text(
            f"[database]\nuri = sqlite://\npath = {self.folder}\n"
            f"[web]\nlisten = 127.0.0.1:{self.port}\n"
        )

    def _clear(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{self.database_file}{suffix}").unlink(missing_ok=True)

    async def _run(self, name: str, arguments: Sequence[str]) -> str:
        output = self.folder / f"{name}.log"
        output.unlink(missing_ok=True)
        child = Child.start(
            name,
            [self._python, *arguments],
            log=output,
            cwd=self.folder,
            env={**_TRYTON_ENV, "TRYTONPASSFILE": str(self._password_file(ADMIN))},
        )
        try:
            while child.running():
                await asyncio.sleep(0.05)
        except BaseException:
            child.kill()
            raise
        text = output.read_text(errors="replace")
        if child.process.returncode:
            tail = "\n".join(text.splitlines()[-15:])
            raise ServerError(f"{name} failed with {child.process.returncode}.", mend=tail)
        return text


_TRYTON_ENV = {
    "TZ": "UTC",
    "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
    "TRYTOND_LOGGING_LEVEL": "30",
    # A setting of the person who runs us must not lead to another database.
    "TRYTOND_DATABASE_URI": "sqlite://",
    "TRYTOND_CONFIG": "",
}


async def _answers(client: httpx2.AsyncClient, url: str) -> bool:
    """Whether anybody answers: it listens only when all its modules are loaded."""
    try:
        await client.post(
            f"{url}/rpc/", json={"id": 0, "method": "common.server.version", "params": []}
        )
    except httpx2.HTTPError:
        return False
    return True


def _recipe(sizes: SeedSizes) -> str:
    """What a database was made from: versions, script, sizes."""
    made_from = hashlib.sha256()
    for part in (REQUIREMENTS.read_bytes(), SEED.read_bytes(), " ".join(MODULES).encode()):
        made_from.update(part)
    return f"{made_from.hexdigest()[:16]} {msgspec.json.encode(sizes).decode()}"


def _recipe_of(folder: Path) -> str | None:
    try:
        return (folder / "recipe").read_text()
    except OSError:
        return None


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
