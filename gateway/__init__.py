"""The runtime: nouns, ports, stages, stores, HTTP surface, console and command line."""
