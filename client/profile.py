"""A profile: the folder of one holder or one agency, and what is public about it.

    <home>/wallets/<name>/  or  <home>/agencies/<name>/
        party.json     public: who this is, on which chain, at which vault
        keys.age       the key store (client/keystore.py)
        trust.json     what this device trusts (client/trust.py)
        items/ …       local state (client/store.py)

``ONEFILE_HOME`` is the home (default ``.onefile`` below the current folder); ``--profile`` the name.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from client.files import private_folder, read_json, write_json
from protocol.encoding import hex0x, unhex0x
from protocol.errors import Denied, Malformed
from protocol.fields import Fields

Kind = Literal["person", "enterprise", "agency"]
KINDS: tuple[Kind, ...] = ("person", "enterprise", "agency")
FOLDERS = {"wallet": "wallets", "agency": "agencies"}
DEFAULT_PROFILE = "default"
MAX_SOCKET_CHARS = 100
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Profile:
    """Where one profile lies. Making one touches nothing."""

    program: str
    name: str
    home: Path

    @classmethod
    def of(cls, program: str, name: str | None, home: Path) -> Profile:
        """The profile ``name`` (None: ``default``) of ``wallet`` or ``agency`` under ``home``."""
        chosen = name or DEFAULT_PROFILE
        if not _NAME.fullmatch(chosen):
            raise Malformed("profile_name", "a profile's name has letters, digits, dot, dash and underscore")
        return cls(program, chosen, home)

    @property
    def folder(self) -> Path:
        return self.home / FOLDERS[self.program] / self.name

    @property
    def party_file(self) -> Path:
        return self.folder / "party.json"

    @property
    def key_file(self) -> Path:
        return self.folder / "keys.age"

    @property
    def trust_file(self) -> Path:
        return self.folder / "trust.json"

    @property
    def agent_socket(self) -> Path:
        """The agent's socket. It lies apart from the profile, since a socket's path may have only about 100 bytes."""
        tag = hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:20]
        name = Path(f"onefile-{os.getuid()}") / f"{tag}.sock"
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        if runtime and len(str(Path(runtime) / name)) <= MAX_SOCKET_CHARS:
            return Path(runtime) / name
        return Path(tempfile.gettempdir()) / name

    def exists(self) -> bool:
        """Whether somebody lives here: a key store has been written."""
        return self.key_file.exists()

    def make(self) -> Path:
        """Make the folder, private to its owner."""
        return private_folder(self.folder)

    def load(self) -> Party:
        """Who lives here; ``Denied("profile_not_found")`` if nobody does."""
        if not self.party_file.exists():
            raise Denied(
                "profile_not_found", "there is no profile {name} in {home}", name=self.name, home=str(self.home)
            )
        return Party.from_json(read_json(self.party_file, limit=1 << 20))

    def save(self, party: Party) -> None:
        """Write who lives here, whole or not at all."""
        write_json(self.party_file, party.to_json())


@dataclass(frozen=True, slots=True)
class Party:
    """What is public about the holder or agency of a profile.

    ``subject``: 32 bytes, the dossier id, or the agency's account padded to 32. ``owner`` (cold) and
    ``controller`` (hot) accounts have 20 bytes; for an agency both are its account. ``salt`` opened the
    dossier. ``index`` is the person's dossier number and ``language`` the word list of the phrase.
    ``card_seq`` is the newest key card whose keys this device has made; ``opened`` whether the dossier stands
    on chain and in the vault.
    """

    kind: Kind
    subject: bytes
    owner: bytes
    controller: bytes
    salt: bytes
    index: int
    language: str
    chain_id: int
    registry: bytes
    vault_url: str
    card_seq: int = 1
    opened: bool = False

    def __post_init__(self) -> None:
        sizes = ((self.subject, 32), (self.owner, 20), (self.controller, 20), (self.salt, 32), (self.registry, 20))
        for value, size in sizes:
            if len(value) != size:
                raise Malformed(
                    "length", "{what}: expected {want} bytes, got {got}", what="party", want=size, got=len(value)
                )

    def with_changes(self, **changes: Any) -> Self:
        """A copy with other values."""
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        return {
            "v": _VERSION,
            "kind": self.kind,
            "subject": hex0x(self.subject),
            "owner": hex0x(self.owner),
            "controller": hex0x(self.controller),
            "salt": hex0x(self.salt),
            "index": self.index,
            "language": self.language,
            "chain_id": self.chain_id,
            "registry": hex0x(self.registry),
            "vault_url": self.vault_url,
            "card_seq": self.card_seq,
            "opened": self.opened,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Party:
        """Read ``to_json``'s object; ``Malformed`` on anything else."""
        fields = Fields(value, "party")
        fields.uint("v", least=_VERSION, most=_VERSION)
        party = cls(
            kind=_kind(fields.text("kind")),
            subject=_hex(fields, "subject", 32),
            owner=_hex(fields, "owner", 20),
            controller=_hex(fields, "controller", 20),
            salt=_hex(fields, "salt", 32),
            index=fields.uint("index", most=2**31 - 1),
            language=fields.text("language", pattern="zh|en|", least=0),
            chain_id=fields.uint("chain_id"),
            registry=_hex(fields, "registry", 20),
            vault_url=fields.text("vault_url", limit=2000),
            card_seq=fields.uint("card_seq", least=1),
            opened=fields.boolean("opened"),
        )
        fields.done()
        return party


def _hex(fields: Fields, name: str, length: int) -> bytes:
    return unhex0x(fields.take(name), length=length, what=f"party.{name}")


def _kind(text: str) -> Kind:
    for kind in KINDS:
        if kind == text:
            return kind
    raise Malformed("field_form", "{field}: not of the expected form", field="party.kind")
