"""The trust file: what this machine saw on the chain, kept for when the chain can't be asked.

    {"v": 1, "deployment": {…}, "block": {…}, "anchors": [[size, root, block, time], …],
     "agencies": [{"account", "name", "division", "roles", "issues", "cards", "envelopes"}],
     "dossiers": [{"dossier", "controllers", "cards", "grant_epoch",
                  "frozen_until"}], "assembled_at": …,
     "log_keys": {"present": vkey, "former": [[vkey, size], …]}}

``log_keys`` is there once the log has had another key than the deployment record's.
as a JWS (``onefile-trust+jwt``) by this machine's tool key, or by one that the person names. Assembled from the
chain; the vault contributes full key cards, each checked against the hash that the chain keeps. Offline, what it
does not cover is unknown: it never makes anything true by lying in a folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain.deployment import Deployment
from chain.ledger import BlockRef
from client.facts import AnchoredHead, AnchorHistory
from client.files import read_bounded, write_private
from protocol import canonical
from protocol.canonical import Json
from protocol.encoding import b64u, hex0x, unb64u, unhex0x
from protocol.errors import Denied, Malformed, OneFileError, Unavailable, Untrusted
from protocol.facts import (
    AgencyFacts,
    AnchorFacts,
    CardFact,
    ControllerFact,
    DossierFacts,
    IssueFact,
    NullifierFact,
    RoleFact,
)
from protocol.fields import Fields
from protocol.jose import EcSigner, PublicJwk, kid_of, parse_jws, sign_typed, verify_jws
from protocol.keycard import KeyCardEnvelope
from protocol.note import MAX_FORMER_KEYS, FormerKey, Vkey

TRUST_TYP = "onefile-trust+jwt"
MAX_TRUST_BYTES = 64 << 20
MAX_TRUST_PARTS = 16 << 20  # an anchor a minute for five years has five each
MAX_SIGNER_BYTES = 512
MAX_VKEY_CHARS = 512
_VERSION = 1
_LAST_MEMBERS = re.compile(rb'"signer":(\{[^{}]*\}),"v":[0-9]+\}\Z')


@dataclass(frozen=True, slots=True)
class TrustedAgency:
    """What the chain said of an agency, and the full key cards that belong to the hashes it keeps."""

    facts: AgencyFacts
    cards: tuple[KeyCardEnvelope, ...]


@dataclass(frozen=True, slots=True)
class Trust:
    """What was seen on the chain at ``block``; ``assembled_at`` in seconds by this machine's clock."""

    deployment: Deployment
    block: BlockRef
    anchors: tuple[AnchoredHead, ...]
    agencies: tuple[TrustedAgency, ...]
    dossiers: tuple[DossierFacts, ...]
    assembled_at: int
    vkey: str = ""  # the log's key then; empty for the one of the deployment record
    former: tuple[FormerKey, ...] = ()

    def trusted(self, account: bytes) -> TrustedAgency | None:
        """The agency of that account, if it was registered then."""
        return next((agency for agency in self.agencies if agency.facts.account == account), None)

    def history(self) -> AnchorHistory:
        """Anchored heads and keys, to be read on from the block of this file; all anew if it knows no log."""
        vkey = self.vkey or (self.deployment.log.vkey if self.deployment.log is not None else "")
        if not vkey:
            return AnchorHistory()
        size = self.anchors[-1].size if self.anchors else 0
        return AnchorHistory(list(self.anchors), self.block, vkey, list(self.former), size)

    def to_json(self) -> dict[str, Json]:
        value: dict[str, Json] = {
            "v": _VERSION,
            "deployment": self.deployment.serialise().decode("utf-8"),
            "block": {"number": self.block.number, "hash": hex0x(self.block.hash), "time": self.block.time},
            "anchors": [[a.size, b64u(a.root), a.block, a.time] for a in self.anchors],
            "agencies": [_agency_json(agency) for agency in self.agencies],
            "dossiers": [_dossier_json(dossier) for dossier in self.dossiers],
            "assembled_at": self.assembled_at,
        }
        if self.former:
            former: list[Json] = [[str(one.vkey), one.size] for one in self.former]
            value["log_keys"] = {"present": self.vkey, "former": former}
        return value

    @classmethod
    def from_json(cls, value: Json) -> Trust:
        """Read ``to_json``'s object; ``Malformed`` on anything else."""
        fields = Fields(value, "trust")
        fields.uint("v", least=_VERSION, most=_VERSION)
        block = fields.object("block")
        vkey, former = _log_keys(fields.object("log_keys")) if fields.has("log_keys") else ("", ())
        trust = cls(
            deployment=Deployment.parse(fields.text("deployment", limit=16 << 10)),
            block=BlockRef(
                block.uint("number"), unhex0x(block.take("hash"), length=32, what="block.hash"), block.time("time")
            ),
            anchors=tuple(_anchor(row) for row in fields.array("anchors", most=10_000_000)),
            agencies=tuple(_agency(part) for part in fields.objects("agencies", most=1_000_000)),
            dossiers=tuple(_dossier(part) for part in fields.objects("dossiers", most=1_000_000)),
            assembled_at=fields.time("assembled_at"),
            vkey=vkey,
            former=former,
        )
        fields.done()
        return trust


class NoFacts:
    """Nothing is known: what a folder says of itself makes nothing true."""

    def agency(self, account: bytes) -> AgencyFacts:  # noqa: ARG002 (the port's signature)
        raise _not_covered("agency")

    def dossier(self, dossier: bytes) -> DossierFacts:  # noqa: ARG002 (the port's signature)
        raise _not_covered("dossier")

    def nullifier(self, nullifier: bytes) -> NullifierFact:  # noqa: ARG002 (the port's signature)
        raise _not_covered("nullifier")

    def anchors(self) -> AnchorFacts:
        raise _not_covered("log")


class TrustFacts:
    """Facts from a trust file: as old as the file, and nothing beyond it."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust

    def agency(self, account: bytes) -> AgencyFacts:
        found = self._trust.trusted(account)
        if found is None:
            raise _not_covered("agency")
        return found.facts

    def dossier(self, dossier: bytes) -> DossierFacts:
        found = next((facts for facts in self._trust.dossiers if facts.dossier == dossier), None)
        if found is None:
            raise _not_covered("dossier")
        return found

    def nullifier(self, nullifier: bytes) -> NullifierFact:  # noqa: ARG002 (the port's signature)
        raise _not_covered("nullifier")

    def anchors(self) -> AnchorFacts:
        log = self._trust.deployment.log
        if log is None:
            raise _not_covered("log")
        return self._trust.history().facts(log.origin, self._trust.block.number, self._trust.assembled_at)


def sign_trust(trust: Trust, signer: EcSigner) -> bytes:
    """The trust file's bytes. The signer's public key stands in it, so that its thumbprint is enough to check."""
    return sign_by_tool(TRUST_TYP, trust.to_json(), signer)


def sign_by_tool(typ: str, value: dict[str, Json], signer: EcSigner) -> bytes:
    """A file of this type; ``v`` is the only member of ``value`` that may come after ``signer`` in their order."""
    return sign_typed(typ, {**value, "signer": signer.public_jwk().to_json()}, signer).encode("ascii") + b"\n"


def open_trust(raw: bytes, signers: Iterable[bytes]) -> Trust:
    """The trust file if a key with one of these thumbprints signed it; ``Malformed`` if it is none.

    ``Untrusted("trust_signer")`` otherwise: a file that somebody else made is somebody else's trust.
    """
    return Trust.from_json(open_signed(raw, signers, typ=TRUST_TYP))


def open_signed(raw: bytes, signers: Iterable[bytes], *, typ: str) -> dict[str, Json]:
    """The body, without its ``signer``, of a file of this type that ``sign_by_tool`` has made for one of these."""
    # The file is large, and reading its rows takes ten times its size in memory: a stranger's bounces at its header,
    # and a false one at its signature, before a row is read.
    kid = kid_of(raw.lstrip(), typ=typ)
    if kid not in set(signers):
        raise Untrusted("trust_signer", "the trust file was signed by {kid}, whom nobody here named", kid=b64u(kid))
    jws = parse_jws(raw.strip(), typ=typ, limit=MAX_TRUST_BYTES)
    verify_jws(jws, _signer(jws.payload))
    value = canonical.loads_object(jws.payload, limit=MAX_TRUST_BYTES, parts=MAX_TRUST_PARTS, what="trust file")
    del value["signer"]
    return value


def read_trust(path: Path, signers: Iterable[bytes]) -> Trust:
    """``open_trust`` of a file; ``Denied("trust_missing")`` if there is none."""
    if not path.exists():
        raise Denied("trust_missing", "there is no trust file at {path}", path=str(path))
    return open_trust(read_bounded(path, limit=MAX_TRUST_BYTES), signers)


def write_trust(path: Path, trust: Trust, signer: EcSigner) -> None:
    """Write the trust file, whole or not at all."""
    write_private(path, sign_trust(trust, signer))


def _signer(payload: bytes) -> PublicJwk:
    """The signer's key, from where JCS puts it: the last member but the version."""
    found = _LAST_MEMBERS.search(payload, max(0, len(payload) - MAX_SIGNER_BYTES))
    if found is None:
        raise Malformed("trust_signer_missing", "the trust file does not end with its signer and its version")
    return PublicJwk.from_json(canonical.loads(found[1], what="trust file"))


def _agency_json(agency: TrustedAgency) -> dict[str, Json]:
    facts = agency.facts
    return {
        "account": hex0x(facts.account),
        "name": facts.name,
        "division": facts.division,
        "roles": [[r.role, r.since, r.until] for r in facts.roles],
        "issues": [[b64u(i.licence_type), i.since, i.until] for i in facts.issues],
        "cards": [[hex0x(c.hash), c.seq, c.since, c.revoked_below, c.compromised_since] for c in facts.cards],
        "envelopes": [envelope.to_json() for envelope in agency.cards],
        "known_at": facts.known_at,
    }


def _agency(fields: Fields) -> TrustedAgency:
    roles, issues, cards = (fields.array(name, most=100_000) for name in ("roles", "issues", "cards"))
    facts = AgencyFacts(
        account=unhex0x(fields.take("account"), length=20, what="account"),
        name=fields.text("name", limit=1000),
        division=fields.text("division", limit=1000, least=0),
        roles=tuple(RoleFact(*_numbers(row, 3)) for row in roles),
        issues=tuple(IssueFact(_octets(row, b64=True), *_numbers(row[1:], 2)) for row in issues),
        cards=tuple(CardFact(_octets(row), *_numbers(row[1:], 4)) for row in cards),
        known_at=fields.time("known_at"),
    )
    envelopes = tuple(KeyCardEnvelope.from_json(value) for value in fields.array("envelopes", most=100_000))
    fields.done()
    return TrustedAgency(facts, envelopes)


def _dossier_json(facts: DossierFacts) -> dict[str, Json]:
    return {
        "dossier": hex0x(facts.dossier),
        "controllers": [[hex0x(c.account), c.since, c.until] for c in facts.controllers],
        "cards": [[hex0x(c.hash), c.seq, c.since, c.revoked_below, c.compromised_since] for c in facts.cards],
        "grant_epoch": facts.grant_epoch,
        "frozen_until": facts.frozen_until,
        "known_at": facts.known_at,
    }


def _dossier(fields: Fields) -> DossierFacts:
    controllers, cards = (fields.array(name, most=100_000) for name in ("controllers", "cards"))
    facts = DossierFacts(
        dossier=unhex0x(fields.take("dossier"), length=32, what="dossier"),
        controllers=tuple(ControllerFact(_octets(row, 20), *_numbers(row[1:], 2)) for row in controllers),
        cards=tuple(CardFact(_octets(row), *_numbers(row[1:], 4)) for row in cards),
        grant_epoch=fields.uint("grant_epoch"),
        # Trust files of before there were guardians do not say it, and nothing was frozen then.
        frozen_until=fields.time("frozen_until") if fields.has("frozen_until") else 0,
        known_at=fields.time("known_at"),
    )
    fields.done()
    return facts


def _anchor(row: Json) -> AnchoredHead:
    if not isinstance(row, list) or len(row) != 4:
        raise _malformed()
    size, _root, block, time = row
    numbers = _numbers([size, block, time], 3, open_end=False)
    return AnchoredHead(numbers[0], unb64u(row[1], length=32, what="root"), numbers[1], numbers[2])


def _log_keys(fields: Fields) -> tuple[str, tuple[FormerKey, ...]]:
    present = str(Vkey.parse(fields.text("present", limit=MAX_VKEY_CHARS)))
    former = []
    for row in fields.array("former", most=MAX_FORMER_KEYS, least=1):
        if not isinstance(row, list) or len(row) != 2:
            raise _malformed()
        former.append(FormerKey(Vkey.parse(row[0]), _numbers(row[1:], 1, open_end=False)[0]))
    fields.done()
    return present, tuple(former)


def _octets(row: Json, length: int = 32, *, b64: bool = False) -> bytes:
    """The bytes in front of a row."""
    if not isinstance(row, list) or not row:
        raise _malformed()
    read = unb64u if b64 else unhex0x
    return read(row[0], length=length, what="trust file")


def _numbers(row: Json, count: int, *, open_end: bool = True) -> list[Any]:
    """``count`` whole numbers; only what may be absent (an end, a compromise) is None, and stands last."""
    if not isinstance(row, list) or len(row) != count:
        raise _malformed()
    for i, value in enumerate(row):
        if value is None and open_end and i == count - 1:
            continue
        if type(value) is not int or value < 0:
            raise _malformed()
    return row


def _malformed() -> Malformed:
    return Malformed("trust_row", "the trust file has a row of another form")


def _not_covered(what: str) -> OneFileError:
    return Unavailable("trust_not_covered", "the trust file says nothing of this {what}", what=what)
