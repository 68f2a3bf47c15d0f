"""An identifier beside the source's own, with the scheme that gives it meaning."""

from __future__ import annotations

from contracts.base import Value
from contracts.values import SourceId, Text


class Identifier(Value):
    """What a party or a document is called in a scheme that others know, too."""

    scheme: Text
    """Who gives such identifiers out: `eu_vat`, `duns`, `lei`, `gln`, or a name of your own."""
    value: SourceId
    """The identifier in that scheme."""
