"""The connection pool to one database, and what must be set on every connection."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from connectors.sql.config import SqlConfig
from connectors.sql.failures import translated
from connectors.sql.values import TEXT_CODECS, parsed_json
from gateway.errors import ConfigError, Outage

DRIVERS = {
    "postgresql": ("asyncpg", "postgresql"),
    "sqlite": ("aiosqlite", None),
    "mysql": ("asyncmy", None),
    "mariadb": ("asyncmy", None),
}
"""Dialect → the async driver, and the extra of ours that brings it."""


class Database:
    """`dialect` is postgresql, sqlite or another of SQLAlchemy's; `title` is the URL, password
    masked, for messages."""

    def __init__(
        self, engine: AsyncEngine, dialect: str, title: str, file: Path | None = None
    ) -> None:
        self.engine = engine
        self.dialect = dialect
        self.title = title
        self._file = file

    @classmethod
    def open(cls, config: SqlConfig, folder: Path) -> Database:
        """Make the pool; nothing is contacted. Raises ConfigError for a URL that cannot be used."""
        url = database_url(config, folder)
        dialect = url.get_backend_name()
        options: dict[str, Any] = {"hide_parameters": True, "pool_pre_ping": True}
        if dialect == "postgresql":
            options["json_deserializer"] = parsed_json
            options["connect_args"] = {
                "timeout": config.connect_timeout_secs,
                "command_timeout": config.statement_timeout_secs + 5,
                "server_settings": {
                    "application_name": "headrace",
                    "timezone": "UTC",
                    "datestyle": "ISO, YMD",
                    "intervalstyle": "iso_8601",
                    "bytea_output": "hex",
                    "statement_timeout": f"{config.statement_timeout_secs * 1000:.0f}",
                    "idle_in_transaction_session_timeout": "300000",
                },
            }
        if dialect in {"mysql", "mariadb"}:
            options["connect_args"] = {
                "connect_timeout": max(1, int(config.connect_timeout_secs)),
                # Without the strict mode a value too long is cut and a bad one made zero.
                "init_command": "SET time_zone = '+00:00', sql_mode = 'TRADITIONAL'",
            }
        if dialect == "sqlite":
            options["connect_args"] = {"timeout": config.connect_timeout_secs}
            options["poolclass"] = NullPool
        else:
            options |= {
                "pool_size": config.pool_size,
                "max_overflow": 0,
                "pool_timeout": config.connect_timeout_secs,
            }
        engine = create_async_engine(url, **options)
        if dialect == "postgresql":
            event.listen(engine.sync_engine, "connect", _text_codecs)
        if dialect == "sqlite":
            event.listen(engine.sync_engine, "connect", _no_implicit_transactions)
            event.listen(engine.sync_engine, "connect", _lenient_text)
            event.listen(engine.sync_engine, "begin", _begin)
        if dialect == "sqlite":
            file = Path(unquote((url.database or "").removeprefix("file:")))
            return cls(engine, dialect, f"sqlite:///{file}", file)
        return cls(engine, dialect, url.render_as_string(hide_password=True))

    @asynccontextmanager
    async def _usable(self, stream: str | None) -> AsyncIterator[None]:
        if self._file is not None and not self._file.is_file():
            raise Outage(
                f"{self.title} is not there.", mend="Correct `url`, or wait.", code="file_missing"
            )
        async with translated(self.title, stream):
            yield

    async def close(self) -> None:
        await self.engine.dispose()

    @asynccontextmanager
    async def reading(self, stream: str | None = None) -> AsyncIterator[AsyncConnection]:
        """One transaction that sees one state of the database and changes nothing."""
        async with self._usable(stream), self.engine.connect() as connection:
            if self.dialect == "postgresql":
                await connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield connection

    @asynccontextmanager
    async def looking(self, stream: str | None = None) -> AsyncIterator[AsyncConnection]:
        """Statements that each see the database as it is at that moment."""
        async with self._usable(stream), self.engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def writing(self, stream: str) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed at the end."""
        engine = self.engine.execution_options(writes=True)
        async with self._usable(stream), engine.begin() as connection:
            yield connection

    def quoted(self, *names: str | None) -> str:
        """Names as an identifier for `text()`: a colon in one is not a parameter."""
        preparer = self.engine.dialect.identifier_preparer
        return ".".join(
            preparer.quote_identifier(name).replace(":", "\\:") for name in names if name
        )


def database_url(config: SqlConfig, folder: Path) -> URL:
    """The URL with its async driver and the password. Raises ConfigError."""
    try:
        url = make_url(config.url)
    except (ArgumentError, ValueError):
        raise ConfigError(
            "`url` is not a database URL.", mend="Write it like postgresql://user@host/database."
        ) from None
    dialect = {"postgres": "postgresql"}.get(url.get_backend_name(), url.get_backend_name())
    if config.password is not None:
        if url.password is not None:
            raise ConfigError("There is a password in `url` and in `password`.", mend="Keep one.")
        url = url.set(password=config.password.reveal())
    driver, extra = DRIVERS.get(dialect, (None, None))
    given = url.drivername.partition("+")[2]
    if dialect == "postgresql" and given not in {"", "asyncpg"}:
        raise ConfigError(
            f"PostgreSQL is read through asyncpg, not {given}.", mend="Write postgresql://…"
        )
    driver = given or driver
    if driver is None:
        raise ConfigError(
            f"No async driver is known for {dialect}.", mend=f"Name one: {dialect}+driver://…"
        )
    if importlib.util.find_spec(driver) is None:
        wanted = f'"headrace[{extra}]"' if extra else driver
        raise ConfigError(
            f"The driver {driver} for {dialect} is not installed.", mend=f"pip install {wanted}"
        )
    url = url.set(drivername=f"{dialect}+{driver}")
    return _sqlite_file(url, folder) if dialect == "sqlite" else url


def _sqlite_file(url: URL, folder: Path) -> URL:
    """The URL of a file that must exist: SQLite would otherwise make an empty database."""
    if not url.database or url.database == ":memory:":
        raise ConfigError(
            "A database in memory is nobody else's to write to.", mend="Write sqlite:///file.db."
        )
    if url.database.startswith("file:"):
        return url
    path = (folder / url.database).absolute()
    return url.set(database=f"file:{quote(str(path))}", query={"mode": "rw", "uri": "true"})


def _lenient_text(connection: Any, _: Any) -> None:
    """SQLite stores whatever bytes it is given as text. Those that are none come as bytes, for the
    contract to judge: one row must not stop its page."""
    connection.driver_connection.text_factory = _text_or_bytes


def _text_or_bytes(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _no_implicit_transactions(connection: Any, _: Any) -> None:
    # The driver would begin one at the first change only, and commit it with a savepoint.
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    # A transaction that reads first and then writes is refused where another wrote in between.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _text_codecs(connection: Any, _: Any) -> None:
    """Take the types of `TEXT_CODECS` as text on a new asyncpg connection."""

    async def declare(raw: Any) -> None:
        for name, decode in TEXT_CODECS.items():
            await raw.set_type_codec(
                name, schema="pg_catalog", encoder=str, decoder=decode, format="text"
            )

    connection.run_async(declare)
