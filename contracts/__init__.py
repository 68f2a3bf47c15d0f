"""The shipped contracts: frozen, versioned pydantic classes, and nothing that does I/O."""
