"""What object 0 of an own item says: the holder's own list of documents, signed by no issuer.

    {"v": 1, "type": "onefile-own", "title": …, "created": …, "note": …,
     "files": [{name, media_type, size, sha256, sm3}]}

JCS, sealed like a credential. The deposit slip commits to these bytes; nothing in them is anybody's word but the
holder's, so that they are always shown apart from issued items and satisfy nothing that asks for an issuer.
Wire law: version 1 has these members; ``note`` may be absent.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol import canonical
from protocol.credential import MAX_FILES, FileEntry, parse_file_entry
from protocol.errors import Malformed
from protocol.fields import Fields

OWN_TYPE = "onefile-own"
MAX_OWN_BYTES = 256 << 10
MAX_TITLE = 200
MAX_NOTE = 2000


@dataclass(frozen=True, slots=True)
class OwnDocument:
    """``created`` in seconds since 1970, by the holder's clock."""

    title: str
    created: int
    files: tuple[FileEntry, ...]
    note: str | None = None

    def serialise(self) -> bytes:
        """The bytes that are sealed as object 0; refuses to write what ``parse`` would refuse to read."""
        body = {
            "v": 1,
            "type": OWN_TYPE,
            "title": self.title,
            "created": self.created,
            "files": [entry.to_json() for entry in self.files],
        }
        raw = canonical.dumps(body if self.note is None else {**body, "note": self.note})
        OwnDocument.parse(raw)
        return raw

    @classmethod
    def parse(cls, raw: bytes) -> OwnDocument:
        """Read strictly; ``Malformed`` on anything else."""
        fields = Fields(canonical.loads_canonical(raw, limit=MAX_OWN_BYTES, what="own document"), "own document")
        fields.uint("v", least=1, most=1)
        if fields.text("type") != OWN_TYPE:
            raise Malformed("own_type", "this is no own document")
        found = cls(
            title=fields.text("title", limit=MAX_TITLE),
            created=fields.time("created"),
            files=tuple(
                parse_file_entry(value, "own document.files")
                for value in fields.array("files", most=MAX_FILES, least=1)
            ),
            note=fields.text("note", limit=MAX_NOTE) if fields.has("note") else None,
        )
        fields.done()
        if len({entry.name for entry in found.files}) != len(found.files):
            raise Malformed("own_files", "two files of an own document have one name")
        return found
