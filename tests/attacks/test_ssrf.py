"""URLs in what others write: none is ever fetched, wherever it stands.

Two recorders stand at the way out: one sees every request of our HTTP client, the other every look-up of a name and
every connection of the process. A row puts a URL in one place; either the format refuses it, or it stays text.
"""

from __future__ import annotations



