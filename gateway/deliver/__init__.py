"""The stage that delivers: `send` (I/O) gets one outcome a delivery, `settle` (pure) says what
follows from it, `window` (pure) keeps each key in order meanwhile."""
