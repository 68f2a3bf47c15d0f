"""Where a file stands, so that it is known again after it was renamed, truncated or rewritten."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

HEAD_BYTES = 1_024
TAIL_BYTES = 256
ROTATED = re.compile(r"[.\-_]?\d+$")


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a file has been read. `head` and `tail` are fingerprints of the bytes at its
    beginning and just before `offset`: whoever rewrites the file changes one of them.

    `header` are the columns of a CSV file, `modified` its time of change in nanoseconds. Offsets
    count uncompressed bytes.
    """

    path: str
    offset: int = 0
    head: str = ""
    tail: str = ""
    modified: int = 0
    header: Sequence[str] | None = None


class Found(msgspec.Struct, frozen=True):
    """A file that is there: its identity (device and inode), and where it stands."""

    id: str
    path: Path
    size: int
    modified: float
    place: Place

    @property
    def packed(self) -> bool:
        return self.path.suffix == ".gz"


def opened(path: Path) -> BinaryIO:
    """The file's bytes, unpacked where it is compressed. Raises OSError."""
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def fingerprints(file: BinaryIO, offset: int) -> tuple[str, str]:
    """Of the file up to `offset`. A file that is shorter has others."""
    file.seek(0)
    head = file.read(min(HEAD_BYTES, offset))
    start = max(0, offset - TAIL_BYTES)
    file.seek(start)
    return _digest(head, offset), _digest(file.read(offset - start), offset)


def _digest(data: bytes, offset: int) -> str:
    return blake2b(data, digest_size=8, key=str(offset).encode()).hexdigest()


def stands(path: Path, size: int, place: Place) -> bool:
    """Whether the file is still the one that was read up to its place."""
    if place.offset == 0:
        return True
    if path.suffix != ".gz" and size < place.offset:
        return False
    try:
        with opened(path) as file:
            return fingerprints(file, place.offset) == (place.head, place.tail)
    except (OSError, EOFError):
        return False


def located(paths: Sequence[Path], places: Mapping[str, Place]) -> list[Found]:
    """The files to read, those begun first, then by age: matched ones, and known ones that were
    renamed to a name that does not match.

    A file that shrank or does not begin as it did is a new one under an old name. One that goes
    on exactly where another of the same path stood, or that is the copy of a file truncated since
    (its name with something added), is read from there.
    """
    there = {identity(status): (path, status) for path in paths if (status := _status(path))}
    for path, status in _renamed(set(places) - set(there), places):
        there[identity(status)] = (path, status)
    standing = {
        name
        for name, (path, status) in there.items()
        if name in places
        and _renamed_to(path, status, places[name])
        and stands(path, status.st_size, places[name])
    }
    orphans = {name: place for name, place in places.items() if name not in standing}
    found = []
    for name, (path, status) in there.items():
        place = Place(path=str(path))
        if name in standing:
            place = msgspec.structs.replace(places[name], path=str(path))
        else:
            for once, orphan in orphans.items():
                copied = once in there and path.name.startswith(Path(orphan.path).name)
                same = copied or orphan.path == str(path)
                if same and orphan.offset and stands(path, status.st_size, orphan):
                    place = msgspec.structs.replace(orphan, path=str(path))
        found.append(Found(name, path, status.st_size, status.st_mtime, place))
    order = {name: number for number, name in enumerate(places)}
    found.sort(key=lambda each: (order.get(each.id, len(order)), each.modified, str(each.path)))
    return found


def _renamed_to(path: Path, status: os.stat_result, place: Place) -> bool:
    """Whether a known identity under a new name is still the same file.

    A new file often gets the inode of one just deleted, and may begin with the same bytes. A
    rename keeps the time of change, and rotation adds to the name or counts up its end.
    """
    if str(path) == place.path or status.st_mtime_ns == place.modified:
        return True
    return path.name.startswith(ROTATED.sub("", Path(place.path).name))


def identity(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}"


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _renamed(missing: set[str], places: Mapping[str, Place]) -> list[tuple[Path, os.stat_result]]:
    """Known files under other names in the folders where they were."""
    found = []
    for folder in {Path(places[name].path).parent for name in missing}:
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            # The entry's own inode first: a look at every file of a large folder would be dear.
            if any(name.endswith(f":{entry.inode()}") for name in missing):
                path = Path(entry.path)
                status = _status(path)
                if status is not None and _still(path, status, places):
                    found.append((path, status))
    return found


def _still(path: Path, status: os.stat_result, places: Mapping[str, Place]) -> bool:
    """Whether a file of a known identity is that file, and no other that was given its inode."""
    place = places.get(identity(status))
    if place is None:
        return False
    if place.offset == 0:
        return _renamed_to(path, status, place)
    return stands(path, status.st_size, place)
