"""Finds contracts by their reference."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

import msgspec

from contracts import SHIPPED, Contract, prediction_contract
from gateway.errors import ConfigError
from gateway.project_code import modules_in
from gateway.registry.published import schema_hash


class Entry(msgspec.Struct, frozen=True):
    """A contract and where it is written. `hash` is that of its schema: with name and version it
    is the contract's identity, whatever class object stands for it."""

    ref: str
    contract: type[Contract]
    file: str
    hash: str
    origin: str
    """`shipped`, `project`, or `prediction` (made for an endpoint)."""


class Registry:
    """Contracts by reference. Filled once, then only asked."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = dict(entries)

    @classmethod
    def load(
        cls,
        folder: Path | None = None,
        contracts: Iterable[str] = (),
        *,
        endpoints: Iterable[str] = (),
    ) -> Registry:
        """The shipped contracts, those in the folders `contracts` of a project, and the
        prediction contract of each endpoint.

        Raises ConfigError where a module cannot be imported, where two different contracts have
        one reference, and where an endpoint's name cannot be part of a contract's.
        """
        entries: dict[str, Entry] = {}
        for contract in SHIPPED:
            _add(entries, contract, "shipped")
        if folder is not None:
            for within in contracts:
                for _, module in modules_in(folder, within):
                    for contract in _defined_in(module):
                        _add(entries, contract, "project")
        for endpoint in endpoints:
            try:
                _add(entries, prediction_contract(endpoint), "prediction")
            except ValueError as error:
                raise ConfigError(
                    f"`endpoints.{endpoint}`: {error}.", mend="Rename the endpoint."
                ) from None
        return cls(entries)

    def __iter__(self) -> Iterator[Entry]:
        """All entries, by reference."""
        return (self._entries[ref] for ref in sorted(self._entries))

    def find(self, ref: str) -> type[Contract] | None:
        """The contract, None where there is none."""
        entry = self._entries.get(ref)
        return None if entry is None else entry.contract

    def get(self, ref: str) -> type[Contract]:
        """The contract. Raises ConfigError that offers the most similar reference."""
        return self.entry(ref).contract

    def entry(self, ref: str) -> Entry:
        """The contract and where it is written. Raises ConfigError as `get` does."""
        entry = self._entries.get(ref)
        if entry is None:
            raise ConfigError(f"there is no contract {ref!r}.", mend=self._instead(ref))
        return entry

    def _instead(self, ref: str) -> str:
        close = difflib.get_close_matches(ref, self._entries, n=1, cutoff=0.6)
        if close:
            return f"Did you mean {close[0]!r}?"
        return f"There are {', '.join(sorted(self._entries))}."


def _defined_in(module: ModuleType) -> list[type[Contract]]:
    """The contracts that a module writes down; not those it imports, nor bodies without a name."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Contract)
        and "contract_ref" in vars(value)
        and (
            value.__module__ == module.__name__
            or value.__module__.startswith(f"{module.__name__}.")
        )
    ]


def _add(entries: dict[str, Entry], contract: type[Contract], origin: str) -> None:
    entry = Entry(
        ref=contract.contract_ref,
        contract=contract,
        file=_file(contract),
        hash=schema_hash(contract),
        origin=origin,
    )
    there = entries.get(entry.ref)
    if there is None:
        entries[entry.ref] = entry
    elif there.hash != entry.hash:
        raise ConfigError(
            f"two different contracts are called {entry.ref!r}: one in {there.file}, "
            f"one in {entry.file}.",
            mend="Give one of them another name or the next version.",
        )


def _file(contract: type[Contract]) -> str:
    try:
        return inspect.getfile(contract)
    except (OSError, TypeError):
        return contract.__module__
