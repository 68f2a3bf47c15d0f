"""docs/bad-input.md as what the tests hold the product to.

Each row of its tables is one bad input: what a person does, the words that are then seen (in
backticks, `…` stands for anything), and where it ends (a code in backticks). A test says which row
it is about and what it got.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "docs" / "bad-input.md"

_CODE = re.compile(r"`` (.+?) ``|`([^`]+)`")


@lru_cache(maxsize=1)
def rows() -> dict[str, tuple[str, str]]:
    """Input → (what is seen, where it ends), as they are written."""
    found: dict[str, tuple[str, str]] = {}
    for line in FILE.read_text("utf-8").splitlines():
        if not line.startswith("| ") or line.startswith(("| input |", "|---")):
            continue
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        assert len(cells) == 3, f"not three cells: {line}"
        name, seen, ends = (cell.replace("\\|", "|") for cell in cells)
        assert name not in found, f"{name} stands twice"
        found[name] = (seen, ends)
    return found


def documented(name: str, *, seen: str = "", ends: str = "") -> None:
    """Fail unless all that the row promises is in what was `seen`, and it ended so."""
    words, where = rows()[name]
    for promised in _quoted(words):
        pattern = ".*".join(map(re.escape, promised.split("…")))
        assert re.search(pattern, seen, re.DOTALL), f"{promised!r} is not in {seen!r}"
    for code in _quoted(where):
        assert code in ends.split(), f"it ended as {ends!r}, not as {code!r}"


def _quoted(cell: str) -> list[str]:
    return [one or other for one, other in _CODE.findall(cell)]
