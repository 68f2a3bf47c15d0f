"""One model to write: what a write means there, how its row is found, what has to change. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from connectors.tryton.coercion import NotTaken, coerce, command, same
from connectors.tryton.config import WriteSettings
from gateway.errors import DriftError
from gateway.types import Delivered, Operation, Outcome, Refused, Write

UNCHANGED = Delivered(receipt="unchanged")
NOTES = "ir.note"
"""Nobody may change the text of a note (its field is read-only once it is there)."""

Definitions = Mapping[str, Mapping[str, Any]]


class Row(msgspec.Struct):
    """One write on its way: what to find, what to set, and what was found."""

    place: int
    key: dict[str, Any]
    values: dict[str, Any]
    delete: bool
    found: list[dict[str, Any]] = []

    @property
    def identity(self) -> str:
        return repr(sorted(self.key.items()))


class Change(msgspec.Struct, frozen=True):
    """What is to be done for one row: create, write or delete."""

    row: Row
    verb: str
    values: dict[str, Any]
    ids: list[int]


class Target:
    """A model, and the rules for writing it."""

    def __init__(self, model: str, settings: WriteSettings, definitions: Definitions) -> None:
        self.model = model
        self.settings = settings
        self._definitions = definitions
        self._replaces = (settings.on_change or ("replace" if model == NOTES else "write")) == (
            "replace"
        )

    def row(self, place: int, write: Write) -> Row:
        """Raises NotTaken for a value, DriftError for a field that the model does not have."""
        delete = write.operation is Operation.DELETE
        values = {} if delete else self._coerced({**write.key, **write.fields})
        for name, prefix in self.settings.prefix.items():
            text = values.get(name)
            if text is not None and not text.startswith(prefix):
                values[name] = f"{prefix}{text}"
        return Row(place, self._coerced(write.key), values, delete)

    def domain(self, rows: Sequence[Row]) -> list[Any]:
        """The domain that finds the rows.

        Each key field has a clause of its own at the top, which is all that Tryton accepts where
        the right to see a row hangs on another one (a note's on its resource).
        """
        domain: list[Any] = [
            [name, "in", _unique(row.key[name] for row in rows)] for name in rows[0].key
        ]
        if len(rows[0].key) > 1:
            domain.append(["OR", *([[n, "=", v] for n, v in row.key.items()] for row in rows)])
        for name, prefix in self.settings.prefix.items():
            domain.append([name, "like", f"{_escaped(prefix)}%"])
        return domain

    def is_of(self, row: Row, found: Mapping[str, Any]) -> bool:
        return all(
            same(value, found.get(name), self._definitions[name]) for name, value in row.key.items()
        ) and all(
            str(found.get(name) or "").startswith(prefix)
            for name, prefix in self.settings.prefix.items()
        )

    def decide(self, row: Row) -> Change | Outcome:
        """What to do, from what was found."""
        ids = [int(each["id"]) for each in row.found]
        if row.delete:
            return Change(row, "delete", {}, ids) if ids else UNCHANGED
        if not ids and "id" in row.key:
            return Refused("row_missing", f"{self.model} has no row {row.key['id']} (any more).")
        if not ids:
            return Change(row, "create", self._commands(row.values, {}), [])
        if self._replaces:
            extra = [each["id"] for each in row.found if self._changed(row, each)]
            if len(extra) == len(ids):
                return Change(row, "replace", self._commands(row.values, {}), ids)
            surplus = sorted({*ids} - {next(id for id in ids if id not in extra)})
            return Change(row, "delete", {}, surplus) if surplus else UNCHANGED
        if len(ids) > 1:
            return Refused(
                "key_ambiguous",
                f"{len(ids)} rows of {self.model} have this key ({', '.join(row.key)}): "
                f"{', '.join(map(str, ids[:5]))}.",
            )
        changed = self._changed(row, row.found[0])
        if not changed:
            return UNCHANGED
        return Change(row, "write", self._commands(changed, row.found[0]), ids)

    def stamps(self, changes: Sequence[Change]) -> dict[str, Any]:
        """The context that makes Tryton refuse what was changed since we read it."""
        return {
            "_timestamp": {
                f"{self.model},{found['id']}": found["_timestamp"]
                for change in changes
                for found in change.row.found
                if found.get("_timestamp") is not None
            }
        }

    def _changed(self, row: Row, found: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value
            for name, value in row.values.items()
            if not same(value, found.get(name), self._definitions[name])
        }

    def _commands(self, values: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: command(value, found.get(name), self._definitions[name])
            for name, value in values.items()
        }

    def _coerced(self, values: Mapping[str, Any]) -> dict[str, Any]:
        coerced = {}
        for name, value in values.items():
            definition = self._definitions.get(name)
            if definition is None:
                raise DriftError(
                    f"{self.model} has no field {name!r}.",
                    mend="Look at the sink's mapping, and at `headrace discover`.",
                    code="field_unknown",
                )
            try:
                coerced[name] = coerce(value, definition, self.settings.references.get(name))
            except NotTaken as error:
                raise NotTaken(
                    f"`{name}` of {self.model} takes {error}, not {_shown(value)}."
                ) from None
        return coerced


def _unique(values: Iterable[Any]) -> list[Any]:
    return list({repr(value): value for value in values}.values())


def _escaped(text: str) -> str:
    for wildcard in "\\%_":
        text = text.replace(wildcard, f"\\{wildcard}")
    return text


def _shown(value: Any, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
