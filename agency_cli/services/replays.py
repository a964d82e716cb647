"""What was shown without a network and is not to be shown again: the windows of one machine share it.

    window/replays/<hash>   until when it counts, in seconds

A file is made or is there already, and nothing between: of two desks that see one code, one is first.
"""

from __future__ import annotations

from pathlib import Path

from client.files import private_folder
from protocol.errors import Conflict
from protocol.hashing import sha256


class Replays:
    """The memory of one profile."""

    def __init__(self, profile: Path) -> None:
        self._folder = profile / "window" / "replays"

    def refuse_again(self, key: bytes, nonce: bytes, *, until: int, now: int) -> None:
        """Remember a presentation until ``until``; ``Conflict("offline_replayed")`` if it was seen before.

        Named by the holder's key (its thumbprint) and the nonce that the key signed, not by the signature: a signature
        can be spelt in two ways, and a message packed in many.
        """
        private_folder(self._folder.parent)
        private_folder(self._folder)
        self._forget(now)
        try:
            with (self._folder / sha256(key, nonce).hex()).open("x", encoding="ascii") as file:
                file.write(f"{until:010d}")
        except FileExistsError:
            raise Conflict("offline_replayed", "this was shown here a moment ago: nothing counts twice") from None

    def _forget(self, now: int) -> None:
        for path in self._folder.iterdir():
            text = path.read_text(encoding="ascii")
            # An empty one is being written this moment by another desk.
            if text.isdigit() and int(text) < now:
                path.unlink(missing_ok=True)
