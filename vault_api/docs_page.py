"""``/docs`` from our own disk: npm ``swagger-ui-dist``, no CDN, and a policy that allows nothing else."""

from __future__ import annotations

from pathlib import Path

OPENAPI = "/v1/openapi.json"
START_NAME = "start.js"
ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
# The reader sets styles on elements as it draws; scripts come from files only.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>OneFile: HTTP interface</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = f"""window.onload = () => {{
  SwaggerUIBundle({{url: "{OPENAPI}", dom_id: "#swagger-ui", validatorUrl: null}});
}};
"""


def asset(folder: Path, name: str) -> bytes | None:
    """A file of the reader; None for any other name, or if npm has not installed it."""
    if name not in ASSETS:
        return None
    try:
        return (folder / name).read_bytes()
    except OSError:
        return None
