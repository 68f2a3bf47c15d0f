"""Tryton as its own people use it: calls of the administrator, never through the gateway."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx2

from gateway.demo.servers.process import ServerError


class Erp:
    """JSON-RPC 1.0 to one database; the answers' typed values become Python's."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = f"{url}/demo/rpc/"
        self._user = user
        self._password = password
        self._client = httpx2.AsyncClient(trust_env=False, timeout=30)
        self._calls = 0
        self._context: dict[str, Any] = {}

    async def open(self) -> None:
        user, key, *_ = await self._post(
            "common.db.login", [self._user, {"password": self._password}, "en"]
        )
        token = base64.b64encode(f"{self._user}:{user}:{key}".encode()).decode()
        self._client.headers["authorization"] = f"Session {token}"
        # Amounts and sequences depend on the company, as they do for a person at the desktop.
        known = await self._post("model.res.user.get_preferences", [True, {}])
        self._context = {name: known[name] for name in ("company", "language") if name in known}

    async def close(self) -> None:
        await self._client.aclose()

    async def call(self, method: str, *parameters: Any, **context: Any) -> Any:
        """Raises ServerError with Tryton's own words."""
        return await self._post(f"model.{method}", [*parameters, {**self._context, **context}])

    async def read(
        self, model: str, fields: Sequence[str], domain: Sequence[Any] = (), **context: Any
    ) -> list[dict[str, Any]]:
        """All rows, by id, inactive ones included."""
        found: list[dict[str, Any]] = await self.call(
            f"{model}.search_read", list(domain), 0, None, [["id", "ASC"]], list(fields),
            **{"active_test": False, **context},
        )  # fmt: skip
        return found

    async def versions(self, model: str, children: str | None = None) -> dict[str, datetime]:
        """The last change of every row, or of one of its children: `write_date` is null until
        a row is changed for the first time."""
        stamps = ["create_date", "write_date"]
        names = [*stamps, *(f"{children}.{stamp}" for stamp in stamps if children)]
        return {
            str(row["id"]): max(_stamp(each) for each in (row, *row.get(f"{children}.", ())))
            for row in await self.read(model, names)
        }

    async def _post(self, method: str, parameters: Sequence[Any]) -> Any:
        self._calls += 1
        answer = await self._client.post(
            self._url,
            json={"id": self._calls, "method": method, "params": list(parameters)},
        )
        if answer.status_code != httpx2.codes.OK:
            raise ServerError(f"Tryton answered {method} with {answer.status_code}.")
        body = answer.json()
        if body.get("error"):
            raise ServerError(f"Tryton refused {method}: {body['error'][:2]}.")
        return _decoded(body.get("result"))


def _stamp(row: Mapping[str, Any]) -> datetime:
    stamp: datetime = row["write_date"] or row["create_date"]
    return stamp.replace(tzinfo=UTC)


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("__class__") == "datetime":
        parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
        return datetime(*(value[part] for part in parts))  # noqa: DTZ001 - UTC, said by _stamp
    if value.get("__class__") == "Decimal":
        return value["decimal"]
    return {name: _decoded(each) for name, each in value.items()}
