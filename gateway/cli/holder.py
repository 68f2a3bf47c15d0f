"""Who works on a project's store: a lock that dies with its process, and how to reach it.

`.headrace/gateway.lock` is locked (flock) by the process that has the store open; the kernel lets
go of it even after kill -9. `.headrace/gateway.json` (mode 0600) says where that gateway listens,
and the key of the local operator.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from gateway.cli.exits import CommandError, Exit

LOCK, NOTE = "gateway.lock", "gateway.json"


class Note(msgspec.Struct, frozen=True):
    """What the process that holds a store says of itself. `url` is None until it listens."""

    pid: int
    url: str | None
    token: str | None

    def __repr__(self) -> str:
        return f"Note(pid={self.pid}, url={self.url!r})"


@contextmanager
def held(state: Path, *, wait_secs: float = 0.0) -> Iterator[None]:
    """Hold the store of the project whose state folder this is.

    Raises CommandError (exit 5) where another process still holds it after `wait_secs`, and
    (exit 4) where the folder cannot be written.
    """
    with _writing(state):
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(state / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        until = time.monotonic() + wait_secs
        while not _locked(descriptor):
            if time.monotonic() >= until:
                raise busy(state)
            time.sleep(0.05)
        with _writing(state):
            write_note(state, Note(os.getpid(), None, None))
        try:
            yield
        finally:
            (state / NOTE).unlink(missing_ok=True)
    finally:
        os.close(descriptor)


@contextmanager
def _writing(state: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CommandError(
            Exit.OUTAGE,
            "state_unwritable",
            f"The project's state folder, {state}, cannot be written: {error.strerror}.",
            "Make room there, or see that this user may write to it.",
        ) from None


def write_note(state: Path, note: Note) -> None:
    """Replace the note at once, readable by its owner only: it holds the local operator's key."""
    fresh = state / f"{NOTE}.{os.getpid()}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"pid": note.pid, "url": note.url, "token": note.token}, file)
    fresh.replace(state / NOTE)


def holder(state: Path) -> Note | None:
    """Who holds the store now, None where nobody does. A note left behind by a dead process
    does not count."""
    try:
        descriptor = os.open(state / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        if _locked(descriptor):
            return None
    finally:
        os.close(descriptor)
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((state / NOTE).read_bytes(), type=Note)
    return Note(0, None, None)


def busy(state: Path) -> CommandError:
    note = holder(state)
    who = f"process {note.pid}" if note is not None and note.pid else "another process"
    where = f", at {note.url}" if note is not None and note.url else ""
    return CommandError(
        Exit.CONFLICT,
        "store_held",
        f"The store of this project is held by {who}{where}.",
        "Only one gateway works on a SQLite store: stop that one first, or wait for it.",
    )


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True
