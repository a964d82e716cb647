"""What limits each row, in words: read beside the profile of the same run."""

from __future__ import annotations

LIMITS = dict.fromkeys(("a1", "a2", "b", "c", "d", "e", "f", "g", "h", "i"), "")
