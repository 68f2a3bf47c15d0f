"""What every contract is: a frozen pydantic class with a name, a version and a kind.

    class CustomerV1(Contract, name="customer", version=1, kind="state"):
        id: SourceId
        '''The customer's identifier in the source.'''

A contract is the only judge of what is valid. Once its JSON Schema is published it never changes:
a change is a new class with the next version. A field's docstring becomes its description in the
schema. A field that was absent stays absent when the record is written (fields that were not set
are left out), so that a consumer can tell "not said" from "said to be null".
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

Kind: TypeAlias = Literal["state", "event"]
"""`state`: a newer record replaces an older one of its key. `event`: every record counts."""

NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_-]+)*")
RESERVED = ("contract_name", "contract_version", "contract_kind", "contract_ref")


class Value(BaseModel):
    """A part of a contract that has no version of its own, such as money or an address."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )


class Contract(Value):
    """The base of all contracts. A class without the keyword `name` is a body to share, no contract.

    Raises TypeError where name, version or kind cannot be used, where a field takes a name that
    the class itself needs, or where a field has an alias: what is written is what is read.
    """

    contract_name: ClassVar[str]
    contract_version: ClassVar[int]
    contract_kind: ClassVar[Kind]
    contract_ref: ClassVar[str]
    """Name and version as one word: `customer.v1`."""

    def __init_subclass__(
        cls,
        *,
        name: str | None = None,
        version: int | None = None,
        kind: Kind | None = None,
        **settings: Any,
    ) -> None:
        super().__init_subclass__(**settings)

    @classmethod
    def __pydantic_init_subclass__(
        cls,
        *,
        name: str | None = None,
        version: int | None = None,
        kind: Kind | None = None,
        **settings: Any,
    ) -> None:
        super().__pydantic_init_subclass__(**settings)
        if name is None and version is None and kind is None:
            return
        if name is None or NAME.fullmatch(name) is None:
            raise TypeError(
                f"{cls.__qualname__}: `name` must look like `sales.order`, not {name!r}"
            )
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise TypeError(f"{cls.__qualname__}: `version` must be 1, 2, …, not {version!r}")
        if kind not in ("state", "event"):
            raise TypeError(f"{cls.__qualname__}: `kind` must be 'state' or 'event', not {kind!r}")
        for field, info in cls.model_fields.items():
            if field in RESERVED:
                raise TypeError(f"{cls.__qualname__}: the name `{field}` is taken by Contract")
            if info.alias or info.validation_alias or info.serialization_alias:
                raise TypeError(f"{cls.__qualname__}.{field}: a contract's field has no alias")
        cls.contract_name = name
        cls.contract_version = version
        cls.contract_kind = kind
        cls.contract_ref = f"{name}.v{version}"
