"""The HTTP surface: one OpenAPI document under /v1, health, metrics, and the console at /."""
