"""Drift: the difference between what a stream promised and what it now sends. Pure.

`observe` sets a page against the shape remembered so far and returns the shape with the page in
it, and what changed. The caller commits that shape with the page, or holds the stream and keeps
the old one; accepting a change is nothing but committing the new shape.
"""

from __future__ import annotations

from gateway.drift.changes import Change, Verdict, marks, sentence, verdict
from gateway.drift.mend import patched, proposal
from gateway.drift.observe import Observed, observe
from gateway.drift.sampling import samples

__all__ = [
    "Change",
    "Observed",
    "Verdict",
    "marks",
    "observe",
    "patched",
    "proposal",
    "samples",
    "sentence",
    "verdict",
]
