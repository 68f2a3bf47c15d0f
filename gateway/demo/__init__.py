"""The whole system at work on real servers: `headrace demo`."""
