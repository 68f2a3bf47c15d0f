"""How a converter is made known, found by name and given its arguments.

A converter is a function of its arguments that returns a function of one value:

    @converter("scale")
    def scale(by: Decimal) -> Convert: ...

The outer one runs once, when the mapping is compiled; its signature is what `with` may say. The
inner one runs for every row and raises ConversionError for a value it cannot take.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from pydantic import ConfigDict, ValidationError, validate_call

from gateway.errors import ConfigError
from gateway.types import RowValue

Convert: TypeAlias = Callable[[RowValue], RowValue]
Factory = TypeVar("Factory", bound=Callable[..., Convert])


class ConversionError(ValueError):
    """The value cannot be taken. `expected` says what could: "a whole number"."""

    def __init__(self, expected: str) -> None:
        super().__init__(f"expected {expected}")
        self.expected = expected


class Converter(msgspec.Struct, frozen=True):
    """A converter by name. Null passes by it, and absence too, unless it says that it takes them."""

    name: str
    factory: Callable[..., Convert]
    description: str
    takes_null: bool
    takes_absent: bool


CONVERTERS: dict[str, Converter] = {}


def converter(
    name: str, *, takes_null: bool = False, takes_absent: bool = False
) -> Callable[[Factory], Factory]:
    """Make a factory known under `name`."""

    def register(factory: Factory) -> Factory:
        if name in CONVERTERS:
            raise ValueError(f"two converters are called {name!r}")
        checked = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(factory)
        CONVERTERS[name] = Converter(
            name=name,
            factory=checked,
            description=inspect.cleandoc(factory.__doc__ or ""),
            takes_null=takes_null or takes_absent,
            takes_absent=takes_absent,
        )
        return factory

    return register


def bind(name: str, arguments: Mapping[str, Any], place: str) -> tuple[Converter, Convert]:
    """The converter called `name`, and its function for these arguments.

    Raises ConfigError that names `place` in the mapping where there is none of that name, or
    where it does not take these arguments.
    """
    found = CONVERTERS.get(name)
    if found is None:
        raise ConfigError(
            f"`{place}.as` names the converter {name!r}, which does not exist.",
            mend=nearest(name, CONVERTERS),
        )
    known = list(inspect.signature(found.factory).parameters)
    for argument in arguments:
        if argument not in known:
            takes = f"It takes {', '.join(known)}." if known else "It takes none."
            raise ConfigError(
                f"`{place}.with` gives the converter {name!r} an argument {argument!r} "
                "that it does not take.",
                mend=nearest(argument, known) or takes,
            )
    try:
        return found, found.factory(**arguments)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False)[0]
        at = ".".join(str(part) for part in wrong["loc"])
        raise ConfigError(
            f"`{place}.with.{at}`, an argument of the converter {name!r}: "
            f"{wrong['msg'].removeprefix('Value error, ')}."
        ) from None
    except ValueError as error:
        raise ConfigError(f"`{place}.with`, for the converter {name!r}: {error}.") from None


def nearest(name: str, known: Mapping[str, Any] | list[str]) -> str | None:
    """A sentence that offers the most similar name, where there is a similar one."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}?" if close else None


def scalar_text(value: RowValue) -> str | None:
    """The one text for a scalar, as keys and versions need it; None for what has none.

    Whole numbers have no point whatever type carried them: 5, 5.0 and Decimal("5.00") are "5".
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal() | float():
            number = Decimal(value) if isinstance(value, float) else value
            if not number.is_finite():
                return None
            if number == number.to_integral_value():
                return format(number, "f").partition(".")[0]
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case UUID():
            return str(value)
        case _:
            return None
