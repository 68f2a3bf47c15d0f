"""A mapping: how the rows of a stream become a contract, as data that can be shown, diffed and patched.

The same language makes the rows of a sink from records. Paths are dotted names into the row;
`a.0.b` reaches into lists. A path that leads nowhere leaves the field out: absent is not null.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

Path = Annotated[str, Field(min_length=1, max_length=512)]


class FieldSource(BaseModel):
    """Where one field comes from: exactly one of `from`, `first`, `value`, `each` or `object`.

    `first` takes the first path that is present and not null. `each` reads a list of children
    and maps each one by `fields`; `object` builds a nested object by `fields` from the same row.
    `as` names a converter from `gateway.converters`, `with` holds its arguments.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    from_: Path | None = Field(default=None, alias="from")
    first: list[Path] | None = None
    value: Any = None
    each: Path | None = None
    object: bool = False
    fields: dict[str, Path | FieldSource] | None = None
    as_: str | None = Field(default=None, alias="as")
    with_: dict[str, Any] = Field(default={}, alias="with")

    @model_validator(mode="after")
    def _one_origin(self) -> FieldSource:
        origins = [
            name
            for name, given in (
                ("from", self.from_ is not None),
                ("first", self.first is not None),
                ("value", "value" in self.model_fields_set),
                ("each", self.each is not None),
                ("object", self.object),
            )
            if given
        ]
        if len(origins) != 1:
            raise ValueError(
                "say exactly one of `from`, `first`, `value`, `each`, `object`; "
                f"found {', '.join(origins) or 'none'}"
            )
        if (self.fields is not None) != (self.each is not None or self.object):
            raise ValueError("`fields` goes with `each` or `object`, and they need it")
        return self


class Mapping(BaseModel):
    """The file. `contract` is absent in a sink's mapping.

    `key` is the path (or paths, joined as a JSON list) of the entity's key; `version` the path
    of what tells two versions of a row apart; `at` the path of the instant the row was changed.
    `deleted` is a condition on the row that means the entity is gone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    stream: str | None = None
    contract: str | None = None
    key: Path | list[Path]
    version: Path | FieldSource | None = None
    at: Path | FieldSource | None = None
    deleted: Path | FieldSource | None = None
    fields: dict[str, Path | FieldSource]
