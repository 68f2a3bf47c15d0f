"""Data only: the published JSON Schemas. A package only so that no other `schemas` can take its place."""
