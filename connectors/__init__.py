"""The shipped connectors, one folder a system. The gateway finds them through entry points only."""
