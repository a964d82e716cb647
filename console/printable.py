"""Text from outside, as it may be shown: what would move a terminal's cursor, or turn letters round, is spelled out.

Names of agencies, officers' marks, documents, and a vault's words are written by others. On a screen a control
character could erase a line, an override could show one name as another, and a line break could add a line that this
program never said.
"""

from __future__ import annotations

import re

# C0 and C1 controls, marks and overrides of direction, what has no width, line and paragraph separators, halves of
# characters, tags.
_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e0fff"
)
_IN_LINES = f"[{_UNSEEN}]"  # compiled by the first text that is checked
_IN_ONE_LINE = f"[\n{_UNSEEN}]"


def printable(text: str, *, lines: bool = False) -> str:
    """The text with whatever could not be seen spelled as ``\\u202e``; ``lines`` lets line breaks be."""
    return re.sub(_IN_LINES if lines else _IN_ONE_LINE, _spelled, text)


def _spelled(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    # As JSON spells it, so that JSON may be shown this way too and says the same.
    return f"\\u{0xD800 + (code - 0x10000 >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
