"""The errors, and what the caller does with each.

HeadraceError                 every error of ours; `code` is stable, `mend` says what to do
├── ConfigError               will not start: said once, with file and line
│   └── SecretError           a reference that leads to no secret
├── Outage                    the other side is unavailable → Later, costs nothing, the route holds
│   └── AuthError             credentials were refused → held too, but a person must look
├── Refusal                   the same input will always get the same answer → Refused
├── Ambiguous                 the other side failed and did not say whose fault it is (a bare 500,
│                             an answer that never came) → a batch is bisected; a record alone is
│                             charged an attempt once others get through
│   └── Unanswered            the request went out and no whole answer came back: a server that was
│                             stopped looks like one that the record has killed → spared once
├── DriftError                the source no longer has the shape it promised → the stream holds
└── StoreError                the store did not take it
    └── Fenced                another owner has taken over → stop working, touch nothing
"""

from __future__ import annotations


class HeadraceError(Exception):
    """`message` says what and where, `mend` what a person can do about it."""

    code = "error"

    def __init__(self, message: str, *, mend: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} {self.mend}" if self.mend else self.message


class ConfigError(HeadraceError):
    """The project cannot be used as it is written. `file` and `line` say where."""

    code = "config_invalid"

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        mend: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, mend=mend, code=code)
        self.file = file
        self.line = line

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return f"{where}: {super().__str__()}" if where else super().__str__()


class SecretError(ConfigError):
    code = "secret_missing"


class Outage(HeadraceError):
    """`after` is the least wait in seconds that the other side asked for (Retry-After)."""

    code = "unavailable"

    def __init__(
        self,
        message: str,
        *,
        after: float | None = None,
        mend: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, mend=mend, code=code)
        self.after = after


class AuthError(Outage):
    code = "auth_refused"


class Refusal(HeadraceError):
    code = "refused"


class Ambiguous(HeadraceError):
    """`after` as in Outage."""

    code = "server_error"

    def __init__(
        self,
        message: str,
        *,
        after: float | None = None,
        mend: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, mend=mend, code=code)
        self.after = after


class Unanswered(Ambiguous):
    code = "unanswered"


class DriftError(HeadraceError):
    code = "drift"


class StoreError(HeadraceError):
    code = "store_failed"


class Fenced(StoreError):
    code = "fenced"
