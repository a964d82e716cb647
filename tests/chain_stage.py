"""A ledger to play on, in memory or on a local chain, and the people who act on it.

Both stages have the same methods, so that one suite runs over both. Everyone has a fixed key: `Actor("alice")`.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Protocol

from coincurve import PrivateKey

from chain.deployment import Deployment
from chain.ledger import ROLE_ISSUER, Ledger
from chain.memory import MemoryChain
from protocol.dossier_messages import BumpEpoch, OpenDossier, RotateDossier
from protocol.eip712 import Domain, Typed
from protocol.encoding import b64
from protocol.entries import origin, origin_hash
from protocol.hashing import ZERO32, sha256
from protocol.identifiers import agency_subject, dossier_id
from protocol.keycard import KeyCard
from protocol.merkle import leaf_hash, tree_levels
from protocol.merkle import root as tree_root
from tests.chain_fixture import LocalChain, signer

FAR = 4_000_000_000  # a deadline that no test reaches


class Stage(Protocol):
    """A fresh deployment."""

    deployment: Deployment

    def ledger(self, name: str) -> Ledger:
        """The ledger for whoever sends from the account of that name."""

    def advance(self, seconds: int) -> None:
        """Let later blocks be that much later."""

    def mine(self, blocks: int = 1) -> None:
        """Add empty blocks."""


class MemoryStage:
    """In memory."""

    def __init__(self) -> None:
        self.chain = MemoryChain(governor=signer("governor").account)
        self.deployment = self.chain.deployment

    def ledger(self, name: str) -> Ledger:
        return self.chain.ledger(signer(name).account)

    def advance(self, seconds: int) -> None:
        self.chain.advance(seconds)
        self.chain.mine()

    def mine(self, blocks: int = 1) -> None:
        self.chain.mine(blocks)


class EvmStage:
    """On the session's local chain."""

    def __init__(self, chain: LocalChain) -> None:
        self.chain = chain
        self.deployment, self.path = chain.deployed()
        self._ledgers: dict[str, Ledger] = {}
        self._open: list[object] = []

    def ledger(self, name: str) -> Ledger:
        if name not in self._ledgers:
            self._ledgers[name] = self.fresh(name)
        return self._ledgers[name]

    def fresh(self, name: str) -> Ledger:
        """The ledger as after a restart of whoever sends from that account."""
        made = self.chain.ledger(self.deployment, name)
        self._open.append(made)
        return made

    def advance(self, seconds: int) -> None:
        self.chain.advance(seconds)

    def mine(self, blocks: int = 1) -> None:
        self.chain.devnet.mine(blocks)

    def close(self) -> None:
        for ledger in self._open:
            ledger.close()  # type: ignore[attr-defined]  # only the ledger on a chain has connections


class Actor:
    """Somebody with an account, who signs."""

    def __init__(self, name: str) -> None:
        self.name = name
        secret = hashlib.sha256(b"onefile chain test account " + name.encode()).digest()
        self._key = PrivateKey(secret)
        self.account = signer(name).account

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r, s, v over a digest."""
        raw = self._key.sign_recoverable(digest, hasher=None)
        return raw[:64] + bytes([27 + raw[64]])


def signed(actor: Actor, message: Typed, registry: bytes, stage: Stage) -> bytes:
    """The actor's signature of a message to one of the registries."""
    return actor.sign(message.digest(Domain(stage.deployment.chain_id, registry)))


def first_card(subject: bytes, now: int) -> KeyCard:
    """A first key card with keys that nobody has."""
    return KeyCard(subject, 1, sha256(b"present 1"), sha256(b"sealing 1"), now, 0, ZERO32)


def next_card(card: KeyCard, registry: bytes, stage: Stage, now: int, revoked_below: int | None = None) -> KeyCard:
    """The card that follows."""
    return replace(
        card,
        seq=card.seq + 1,
        present_key_thumbprint=sha256(b"present", bytes([card.seq + 1])),
        valid_from=now,
        revoked_below=card.revoked_below if revoked_below is None else revoked_below,
        previous=card.digest(Domain(stage.deployment.chain_id, registry)),
    )


class Dossier:
    """A dossier that somebody can open, and the messages about it."""

    def __init__(self, stage: Stage, owner: Actor, controller: Actor, salt: bytes = sha256(b"salt")) -> None:
        self.stage, self.owner, self.controller = stage, owner, controller
        self.registry = stage.deployment.contracts.dossier_registry
        self.id = dossier_id(stage.deployment.chain_id, self.registry, owner.account, salt)
        self.opening = OpenDossier(owner.account, controller.account, salt, FAR)
        now = stage.ledger("relayer").head().time
        self.card = first_card(self.id, now)

    def sign(self, actor: Actor, message: Typed) -> bytes:
        return signed(actor, message, self.registry, self.stage)

    def open(self) -> None:
        """Open it, brought by the relayer."""
        self.stage.ledger("relayer").open_dossier(
            self.opening, self.sign(self.owner, self.opening), self.card, self.sign(self.controller, self.card)
        )

    def publish(self, signer_: Actor, revoked_below: int | None = None) -> KeyCard:
        """Publish the next card."""
        ledger = self.stage.ledger("relayer")
        card = next_card(self.card, self.registry, self.stage, ledger.head().time, revoked_below)
        ledger.publish_dossier_card(card, self.sign(signer_, card))
        self.card = card
        return card

    def bump(self, signer_: Actor, nonce: int, deadline: int = FAR) -> None:
        """End all grants."""
        message = BumpEpoch(self.id, nonce, deadline)
        self.stage.ledger("relayer").bump_epoch(message, self.sign(signer_, message))

    def rotate(self, signer_: Actor, owner: Actor, controller: Actor, nonce: int) -> None:
        """Give it to others."""
        message = RotateDossier(self.id, owner.account, controller.account, nonce, FAR)
        self.stage.ledger("relayer").rotate_dossier(message, self.sign(signer_, message))


def admitted(stage: Stage, name: str = "police", types: tuple[str, ...] = ("driving-licence",)) -> Actor:
    """An issuer of these types."""
    agency, governor = Actor(name), stage.ledger("governor")
    governor.admit_agency(agency.account, "威海市公安局", "371000")
    governor.set_role(agency.account, ROLE_ISSUER)
    for kind in types:
        governor.allow_issue(agency.account, kind)
    return agency


def agency_card(stage: Stage, agency: Actor) -> KeyCard:
    """The agency's first card, published."""
    registry = stage.deployment.contracts.agency_registry
    card = first_card(agency_subject(agency.account), stage.ledger("relayer").head().time)
    stage.ledger("relayer").publish_agency_card(card, signed(agency, card, registry, stage))
    return card


class Log:
    """A log of numbered entries, its tree, and its place on the ledger."""

    def __init__(self, stage: Stage, name: str = "main", entry0: bytes = b"entry 0") -> None:
        self.stage, self.name = stage, name
        self.origin = origin(stage.deployment.chain_id, stage.deployment.contracts.archive_log, name)
        self.hash = origin_hash(self.origin)
        self.vkey = self.origin + "+01234567+" + b64(b"\x01" + sha256(name.encode()))
        self.entries = [entry0]

    def open(self, owner: str = "log owner", publisher: str = "publisher") -> None:
        self.stage.ledger(owner).open_log(self.name, self.entries[0], self.vkey, Actor(publisher).account)

    def grow(self, size: int) -> None:
        """Append entries until there are `size`."""
        self.entries += [b"entry %d" % i for i in range(len(self.entries), size)]

    def leaves(self, size: int) -> list[bytes]:
        return [leaf_hash(entry) for entry in self.entries[:size]]

    def root(self, size: int) -> bytes:
        return tree_root(self.leaves(size))

    def node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree."""
        return bytes(tree_levels(self.leaves(len(self.entries)))[level][index])
