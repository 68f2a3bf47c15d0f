"""Published contracts: their JSON Schemas as files, and the check that none ever changes.

A schema is published by writing it to a folder that is kept under version control. From then on
its version is frozen; only its texts (titles, descriptions, examples) may still be improved.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from contracts import Contract
from gateway.errors import ConfigError

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TEXTS = frozenset({"title", "description", "examples", "$comment"})
_NAMED = frozenset({"properties", "$defs", "patternProperties", "dependentSchemas"})
"""Keywords whose members are names, not keywords: a field may well be called `title`."""

Kind: TypeAlias = Literal["new", "changed", "removed", "texts"]


class Difference(msgspec.Struct, frozen=True):
    """How a contract differs from what was published of it.

    `new` was never published, `changed` differs at `path` (a JSON pointer), `removed` was
    published but is no more, `texts` differs in words only. `changed` and `removed` are errors.
    """

    ref: str
    kind: Kind
    file: str
    path: str = ""
    before: str | None = None
    after: str | None = None

    @property
    def error(self) -> bool:
        return self.kind in ("changed", "removed")

    def sentence(self) -> str:
        match self.kind:
            case "new":
                return f"{self.ref} is not published yet."
            case "texts":
                return f"{self.ref} has better texts than {self.file}."
            case "removed":
                return f"{self.ref} was published in {self.file}, but there is no such contract."
            case "changed":
                return (
                    f"{self.ref} was published and must not change, but differs from {self.file} "
                    f"at {self.path or '/'}: {self.before or 'nothing'} has become "
                    f"{self.after or 'nothing'}. Make it the next version."
                )


@cache
def schema(contract: type[Contract]) -> dict[str, Any]:
    """The JSON Schema of what a record of this contract holds (`data`)."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:headrace:contract:{contract.contract_ref}",
        "x-name": contract.contract_name,
        "x-version": contract.contract_version,
        "x-kind": contract.contract_kind,
        **contract.model_json_schema(mode="serialization"),
    }


@cache
def schema_hash(contract: type[Contract]) -> str:
    """16 hex digits of SHA-256 over the schema without its texts."""
    canonical = msgspec.json.encode(_frozen(schema(contract)), order="sorted")
    return hashlib.sha256(canonical).hexdigest()[:16]


def published_differences(contracts: Iterable[type[Contract]], folder: Path) -> list[Difference]:
    """Set contracts against the schemas in a folder. Empty where nothing is to be done.

    Raises ConfigError where a file there is no JSON object.
    """
    found: list[Difference] = []
    present = set()
    for contract in contracts:
        file = folder / _name(contract.contract_ref)
        present.add(file.name)
        if not file.exists():
            found.append(Difference(contract.contract_ref, "new", str(file)))
            continue
        before, after = _read(file), schema(contract)
        changes = list(_changes(_frozen(before), _frozen(after)))
        found += [
            Difference(contract.contract_ref, "changed", str(file), path, old, new)
            for path, old, new in changes
        ]
        if not changes and before != json.loads(_text(after)):
            found.append(Difference(contract.contract_ref, "texts", str(file)))
    if folder.is_dir():
        found += [
            Difference(file.name.removesuffix(".json"), "removed", str(file))
            for file in sorted(folder.glob("*.v*.json"))
            if file.name not in present
        ]
    return found


def export(contracts: Iterable[type[Contract]], folder: Path) -> list[Path]:
    """Write the schemas that are new or have better texts. Returns the files written.

    Raises ConfigError, and writes nothing, where a published version has changed or is gone.
    """
    all_ = list(contracts)
    differences = published_differences(all_, folder)
    wrong = [difference.sentence() for difference in differences if difference.error]
    if wrong:
        raise ConfigError(" ".join(wrong), code="contract_changed")
    folder.mkdir(parents=True, exist_ok=True)
    due = {difference.ref for difference in differences}
    written = []
    for contract in all_:
        if contract.contract_ref in due:
            file = folder / _name(contract.contract_ref)
            file.write_text(_text(schema(contract)), encoding="utf-8")
            written.append(file)
    return written


def _name(ref: str) -> str:
    return f"{ref}.json"


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _read(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"it is not a JSON Schema: {error}.", file=str(file)) from None
    if not isinstance(value, dict):
        raise ConfigError("it is not a JSON Schema: it holds no object.", file=str(file))
    return value


def _frozen(value: Any, *, names: bool = False) -> Any:
    """A schema without what may change: its texts, and the order of `required`."""
    if isinstance(value, dict):
        return {
            name: sorted(inner)
            if name == "required" and not names and isinstance(inner, list)
            else _frozen(inner, names=not names and name in _NAMED)
            for name, inner in value.items()
            if names or name not in _TEXTS
        }
    if isinstance(value, list):
        return [_frozen(inner) for inner in value]
    return value


def _changes(
    before: Any, after: Any, path: str = ""
) -> Iterator[tuple[str, str | None, str | None]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            at = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
            if name not in after:
                yield at, _shown(before[name]), None
            elif name not in before:
                yield at, None, _shown(after[name])
            else:
                yield from _changes(before[name], after[name], at)
    elif before != after:
        yield path, _shown(before), _shown(after)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:119] + "…"
