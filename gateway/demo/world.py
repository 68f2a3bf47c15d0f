"""Everything the story happens in: Tryton, PostgreSQL, the model server, the gateway.

What takes long is made once and kept below `home`: the environments, the trained models, the two
seeded databases. Each run starts from copies of these in a folder of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from gateway.demo import model
from gateway.demo.erp import Erp
from gateway.demo.project import write_project
from gateway.demo.running import RunningGateway
from gateway.demo.servers.command import finished
from gateway.demo.servers.kserve import model_server
from gateway.demo.servers.postgresql import PostgresServer
from gateway.demo.servers.process import ServerError, free_port
from gateway.demo.servers.tryton import ADMIN, DATABASE, GATEWAY, SEED, SeedSizes, TrytonServer
from gateway.demo.shop import ARCHIVED_BEFORE, GRANTS, SCHEMA, Shop

ORDERS = Path(__file__).parent / "tryton_orders.py"
SIZES = SeedSizes(parties=120, sales=0, opportunities=60)
ERP_CUSTOMERS = 60
SNAPSHOT = "seeded"

Told = Callable[[str, str], None]
"""(which part, what it is doing now)"""


class World:
    """`folder` is this run's own: databases, project, recordings, logs."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "run"
        self.recordings = self.folder / "recordings"
        self.tryton = TrytonServer(
            self.folder / "tryton", free_port(), venv=home / "tryton" / "venv"
        )
        self.postgresql = PostgresServer(home / "postgresql", free_port())
        self.models = model_server(self.folder / "models", free_port(), home=home)
        self.gateway = RunningGateway(self.folder / "project", free_port())
        self.shop = Shop(self.postgresql.url("").rstrip("/"))
        self.erp: Erp
        self.trained: model.Trained
        self.cached = False
        """Whether both databases came from an earlier run."""

    async def prepare(self, told: Told) -> None:
        """Install, train, seed (or take what an earlier run kept), and start the three systems.

        Raises ServerError that says which part cannot be had.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        async with asyncio.TaskGroup() as group:
            training = group.create_task(self._train(told))
            group.create_task(self._install_postgresql(told))
            group.create_task(self._systems(training, told))
        write_project(
            self.gateway.folder,
            values={
                "erp_url": self.tryton.url,
                "shop_url": f"postgresql://gateway@127.0.0.1:{self.postgresql.port}/shop",
                "model_url": self.models.url,
                "api_port": self.gateway.url.rpartition(":")[2],
            },
            secrets={
                "erp": self.tryton.password(GATEWAY),
                "shop": (self.home / "postgresql" / "gateway.password").read_text(),
            },
        )

    async def close(self) -> None:
        """Stop everything. What does not go by itself is killed."""
        with contextlib.suppress(OSError):
            await self.gateway.close()
        await self.shop.close()
        if hasattr(self, "erp"):
            await self.erp.close()
        self.models.kill()
        self.tryton.kill()
        await self.postgresql.stop()

    async def _train(self, told: Told) -> model.Trained:
        told("model", f"installing {self.models.name} and scikit-learn")
        await self.models.install()
        told("model", "training on real purchases")
        self.trained = await model.trained(self.models, self.home / "model")
        told("model", "starting")
        model.serve(self.models, self.trained, self.recordings)
        await self.models.start()
        told("model", "ready")
        return self.trained

    async def _install_postgresql(self, told: Told) -> None:
        told("postgresql", "installing")
        await self.postgresql.install()
        told("postgresql", "installed")

    async def _systems(self, training: asyncio.Task[model.Trained], told: Told) -> None:
        """Both databases know the same customers, so they are seeded, kept and used together."""
        kept = self.home / "tryton" / SNAPSHOT
        told("tryton", "installing")
        await self.tryton.install()
        recipe = _recipe()
        self.cached = _read(kept / "recipe") == recipe and await self.postgresql.restore(SNAPSHOT)
        if self.cached:
            self.tryton.restore(kept)
        else:
            await self._seed(training, told)
            (self.tryton.folder / "recipe").write_text(recipe)
            self.tryton.snapshot(kept)
        told("tryton", "starting")
        await asyncio.gather(self.tryton.start(), self._start_postgresql(told))
        self.erp = Erp(self.tryton.url, ADMIN, self.tryton.password(ADMIN))
        await self.erp.open()
        told("tryton", "ready")

    async def _start_postgresql(self, told: Told) -> None:
        told("postgresql", "starting")
        await self.postgresql.start()
        await self.shop.open()
        told("postgresql", "ready")

    async def _seed(self, training: asyncio.Task[model.Trained], told: Told) -> None:
        told("tryton", "making its database (only the first time)")
        await self.tryton.prepare(SIZES)
        known = await asyncio.shield(training)
        told("tryton", "entering the orders")
        parties = await self._orders(known)
        told("postgresql", "making and filling the tables")
        shutil.rmtree(self.postgresql.folder / "data", ignore_errors=True)
        await self.postgresql.start()
        password = secrets.token_urlsafe(24)
        _write_private(self.postgresql.folder / "gateway.password", password)
        await self.shop.create(password)
        await self.shop.seed(known.purchases(), parties)
        await self.shop.close()
        await self.postgresql.stop(keep=True)
        await self.postgresql.snapshot(SNAPSHOT)

    async def _orders(self, known: model.Trained) -> dict[int, str]:
        log = self.tryton.folder / "orders.log"
        log.unlink(missing_ok=True)
        await finished(
            "tryton_orders.py",
            [
                self.tryton.venv / "bin" / "python", ORDERS,
                "--config", self.tryton.folder / "trytond.conf", "--database", DATABASE,
                "--purchases", known.purchases_file, "--customers", str(ERP_CUSTOMERS),
            ],
            log,
            env={"TZ": "UTC", "TRYTOND_LOGGING_LEVEL": "40", "TRYTOND_DATABASE_URI": "sqlite://"},
        )  # fmt: skip
        made = json.loads(log.read_text().splitlines()[-1])
        return {int(customer): party for customer, party in made["parties"].items()}


@asynccontextmanager
async def world(home: Path) -> AsyncIterator[World]:
    """Raises ServerError where another demo is at work in the same home."""
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home):
        made = World(home)
        try:
            yield made
        finally:
            await asyncio.shield(made.close())


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ServerError(
                f"Another demo is at work in {home}.",
                mend="Wait for it, or set HEADRACE_DEMO_HOME to another folder.",
            ) from None
        yield


def _recipe() -> str:
    """What the two seeded databases were made from."""
    made_from = hashlib.sha256()
    requirements = Path(__file__).parent / "requirements"
    for path in (SEED, ORDERS, model.INFERENCE / "training.py", *sorted(requirements.iterdir())):
        made_from.update(path.read_bytes())
    made_from.update(
        f"{SIZES} {ERP_CUSTOMERS} {model.CUSTOMERS} {ARCHIVED_BEFORE} {SCHEMA} {GRANTS}".encode()
    )
    return made_from.hexdigest()


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
