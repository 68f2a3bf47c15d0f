"""The console: server-rendered pages over the same port as the API."""
