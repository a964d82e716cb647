"""The HTTP surface of ``docs/http.md``: each route parses, calls a service, and renders."""
