"""What a database's error means for the gateway.

PostgreSQL's and MySQL's codes are used, never their texts: these come in the server's language.
SQLite has texts only. https://www.postgresql.org/docs/current/errcodes-appendix.html,
https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gateway.errors import (
    AuthError,
    ConfigError,
    DriftError,
    HeadraceError,
    Outage,
    Refusal,
)

DRIVERS = {"asyncpg", "sqlite3", "aiosqlite", "asyncmy", "aiomysql", "pymysql"}
UNAVAILABLE = {"08", "53", "57", "58", "XX", "25", "40"}
"""SQLSTATE classes: connection, resources, operator, system, internal, state, rollback."""
SHAPE = {"42P01", "42703", "3F000", "42704", "42883", "42804", "42P02", "42702"}
BUSY = {"55P03", "55006"}
MISSING_CONFLICT_TARGET = "42P10"
FOREIGN_KEY = {"23503", "1452"}
NOT_NULL = {"23502", "1048", "1364"}

MYSQL_DRIVERS = {"asyncmy", "aiomysql", "pymysql"}
MYSQL_AUTH = {1044, 1045, 1698, 1820, 3118, 2059, 2061}
MYSQL_PERMISSION = {1142, 1143, 1227, 1370}
MYSQL_SHAPE = {1049, 1054, 1146}
MYSQL_ROW = {1048, 1062, 1264, 1292, 1364, 1366, 1406, 1451, 1452, 3819, 4025}


class RowRefusal(Refusal):
    """One row was not taken. `state` is the SQLSTATE (or MySQL's number, SQLite's word)."""

    def __init__(self, message: str, *, state: str, mend: str | None = None) -> None:
        super().__init__(message, mend=mend, code=f"sql_{state.lower()}")
        self.state = state


@asynccontextmanager
async def translated(database: str, stream: str | None = None) -> AsyncIterator[None]:
    """Raise what a database raised as one of ours. `database` is its URL without a password."""
    try:
        yield
    except HeadraceError:
        raise
    except SQLAlchemyError as error:
        raise translate(error, database, stream) from None
    except (OSError, TimeoutError) as error:
        raise Outage(
            f"{database} does not answer: {_sentence(error)}.", code="database_unreachable"
        ) from None
    except Exception as error:
        # A driver's own error, from before SQLAlchemy had a connection to wrap it with.
        module = type(error).__module__.partition(".")[0]
        if state_of(error) is None and module not in DRIVERS:
            raise
        raise translate(error, database, stream) from None


def translate(error: BaseException, database: str, stream: str | None) -> HeadraceError:
    place = f"{database}, {stream}" if stream else database
    text = text_of(error)
    state = state_of(error)
    number = _mysql_number(error)
    if isinstance(error, PoolTimeoutError):
        return Outage(f"{place}: every connection of the pool is in use.", code="pool_exhausted")
    if number is not None:
        return _by_mysql_number(number, place, text)
    if state is not None:
        return _by_sqlstate(state, place, text, stream, error)
    return _by_text(place, text)


def _by_sqlstate(
    state: str, place: str, text: str, stream: str | None, error: BaseException
) -> HeadraceError:
    if state == "3D000":
        return ConfigError(f"{place}: {text}", mend="Correct the database's name in `url`.")
    if state.startswith("28"):
        return AuthError(
            f"{place} refused the login: {text}",
            mend="Check the user in `url`, the secret `password` leads to, and pg_hba.conf.",
        )
    if state == "42501":
        return ConfigError(
            f"{place}: {text}",
            mend=f"GRANT SELECT (or what is missing) ON {stream or 'the table'} to the gateway's user.",
            code="permission_denied",
        )
    if state in SHAPE:
        return DriftError(f"{place}: {text}")
    if state == MISSING_CONFLICT_TARGET:
        return ConfigError(
            f"{place}: the key columns have no unique index, so an upsert cannot find the row.",
            mend="Create one, or say `write: update`.",
        )
    if state[:2] in {"21", "22", "23", "44"}:
        return RowRefusal(_with_detail(text, error), state=state)
    if state == "57014":
        return Outage(f"{place}: the statement was cancelled: {text}", code="statement_timeout")
    if state[:2] in UNAVAILABLE or state in BUSY:
        return Outage(f"{place}: {text}", code=f"sql_{state.lower()}")
    if state.startswith("42"):
        return ConfigError(f"{place}: {text} (SQLSTATE {state})")
    return Outage(f"{place}: {text} (SQLSTATE {state})", code=f"sql_{state.lower()}")


def _by_mysql_number(number: int, place: str, text: str) -> HeadraceError:
    if number in MYSQL_AUTH:
        return AuthError(
            f"{place} refused the login: {text}.",
            mend="Check the user and the database in `url`, and the secret `password` leads to.",
        )
    if number in MYSQL_PERMISSION:
        return ConfigError(f"{place}: {text}", code="permission_denied")
    if number in MYSQL_SHAPE:
        return DriftError(f"{place}: {text}")
    if number in MYSQL_ROW:
        return RowRefusal(text, state=str(number))
    return Outage(f"{place}: {text}", code=f"mysql_{number}")


def _by_text(place: str, text: str) -> HeadraceError:
    if re.search(r"no such (table|column)|has no column named", text):
        return DriftError(f"{place}: {text}")
    if "constraint failed" in text or "datatype mismatch" in text:
        kind = re.match(r"(\w[\w ]*?) constraint failed", text)
        return RowRefusal(text, state=kind[1].replace(" ", "_") if kind else "datatype")
    if "does not match any PRIMARY KEY or UNIQUE" in text:
        return ConfigError(
            f"{place}: the key columns have no unique index, so an upsert cannot find the row.",
            mend="Create one, or say `write: update`.",
        )
    if "unable to open database file" in text:
        return Outage(f"{place}: the file is not there or may not be opened.", code="file_missing")
    if "file is not a database" in text:
        return ConfigError(f"{place} is not an SQLite database.")
    if "readonly database" in text:
        return ConfigError(f"{place} may only be read.", code="permission_denied")
    return Outage(f"{place}: {text}", code="database_error")


def state_of(error: BaseException) -> str | None:
    """The SQLSTATE, where the driver says one."""
    for each in _chain(error):
        state = getattr(each, "sqlstate", None) or getattr(each, "pgcode", None)
        if isinstance(state, str) and len(state) == 5:
            return state
    return None


def text_of(error: BaseException) -> str:
    """The server's own sentence: never SQLAlchemy's, which repeats statement and parameters."""
    innermost = _chain(error)[-1]
    if isinstance(innermost, DBAPIError):
        return type(innermost).__name__
    args = innermost.args
    text = str(args[1] if len(args) > 1 and isinstance(args[0], int) else innermost)
    text = re.sub(r"^<class '[^']*'>: ", "", text).strip()
    return text or type(innermost).__name__


def _with_detail(text: str, error: BaseException) -> str:
    for each in _chain(error):
        detail = getattr(each, "detail", None)
        column = getattr(each, "column_name", None)
        constraint = getattr(each, "constraint_name", None)
        named = (
            f" Column {column}." if column else f" Constraint {constraint}." if constraint else ""
        )
        if detail or named:
            return f"{text}.{named}{f' {detail}' if detail else ''}"
    return text


def _chain(error: BaseException) -> list[BaseException]:
    """From SQLAlchemy's error inwards to the driver's."""
    found: list[BaseException] = [error]
    while True:
        last = found[-1]
        inner = getattr(last, "orig", None) or last.__cause__
        if not isinstance(inner, BaseException) or inner in found:
            return found
        found.append(inner)


def _mysql_number(error: BaseException) -> int | None:
    for each in _chain(error):
        module = type(each).__module__.partition(".")[0]
        if module in MYSQL_DRIVERS and each.args and isinstance(each.args[0], int):
            return each.args[0]
    return None


def _sentence(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or "no answer in time").rstrip(".")
