"""What a caller may ask for: query parameters and bodies, refused where they are not understood."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from gateway.api.problems import ApiError, did_you_mean
from gateway.control import Control
from gateway.store.port import LetterFilter
from gateway.types import LetterState

MAX_TEXT = 1_024


def _printable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL")
    return text


Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(_printable)]


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Letters(Asked):
    """Which dead letters. All that is given must hold; `text` is looked for in code and detail."""

    ids: Annotated[list[Text], Field(max_length=1_000)] = []
    state: LetterState | Literal["any"] = LetterState.OPEN
    source: Text | None = None
    stream: Text | None = None
    route: Text | None = None
    contract: Text | None = None
    code: Text | None = None
    fingerprint: Text | None = None
    key: Text | None = None
    text: Text | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing but the state narrows it down."""
        return not (self.model_fields_set - {"state", "limit", "after", "group"})

    def where(self) -> LetterFilter:
        return LetterFilter(
            ids=tuple(self.ids),
            state=None if self.state == "any" else LetterState(self.state),
            source=self.source,
            stream=self.stream,
            route=self.route,
            contract=self.contract,
            code=self.code,
            fingerprint=self.fingerprint,
            key=self.key,
            text=self.text,
            since=self.since,
            until=self.until,
        )


class LettersPage(Letters):
    """A page of dead letters, or their groups by cause."""

    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    after: Text | None = None
    group: Literal["fingerprint"] | None = None


class Chosen(Asked):
    """A body that names letters. Without a filter, `all` must say that every one is meant."""

    filter: Letters = Letters()
    all: bool = False

    def where(self) -> LetterFilter:
        """Raises ApiError for a filter that names everything without saying so."""
        if self.filter.everything and not self.all:
            raise ApiError(
                422,
                "filter_empty",
                "The filter names no letters.",
                'Narrow it down (`{"filter": {"fingerprint": "…"}}`), or say `"all": true`.',
            )
        return self.filter.where()


class Replay(Chosen):
    dry_run: bool = False
    force: bool = False
    """Replay even what newer state has overtaken."""


class Discard(Chosen):
    reason: Text
    dry_run: bool = False


class CursorMove(Asked):
    """Where to read the stream from next; null is the beginning."""

    cursor: dict[str, Any] | None


class Backfill(Asked):
    """From where to read again; null is the beginning."""

    since: dict[str, Any] | None = None


class Acceptance(Asked):
    """`patch` instead of the proposal: dotted place in the mapping → new value."""

    patch: dict[Text, Any] | None = None


class Apply(Asked):
    dry_run: bool = False


class RecordsPage(Asked):
    """From which offset, how many, of which contracts; `follow` asks for a stream of events."""

    after: Annotated[int, Field(ge=0, le=2**62)] = 0
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    contract: Annotated[list[Text], Field(max_length=64)] = []
    follow: bool = False


class EventsPage(Asked):
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class DriftsPage(Asked):
    closed: bool = False


def control(request: Request) -> Control:
    found: Control = request.app.state.control
    return found


Gateway = Annotated[Control, Depends(control)]


def known_query(request: Request) -> None:
    """Raises ApiError for a query parameter that the route does not have."""
    dependant: Dependant = request.scope["route"].dependant
    known = sorted(set(_query_names(dependant)))
    for name in request.query_params:
        if name not in known:
            raise ApiError(
                422,
                "parameter_unknown",
                f"There is no query parameter {name[:80]!r} here.",
                did_you_mean(name, known),
            )


def _query_names(dependant: Dependant) -> Iterator[str]:
    for param in dependant.query_params:
        kind = param.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from kind.model_fields
        else:
            yield param.alias
    for below in dependant.dependencies:
        yield from _query_names(below)


def utc(text: str) -> datetime | None:
    """An ISO instant of a form field, read as UTC where it says no zone; None if it is not one."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    from datetime import UTC

    return found if found.tzinfo else found.replace(tzinfo=UTC)
