"""Grants that must not hold: how each is made from a true one, and what it may be refused with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from protocol.eip712 import Domain
from protocol.facts import RoleFact
from protocol.grant import AccessGrant, GrantEnvelope, ScopeItem
from protocol.grant_evidence import GrantEvidence
from protocol.keys import AccountKey
from protocol.signatures import ORDER

DAY_S = 86_400
SCOPE = ("item", "parcel", "claims", "documents")


@dataclass(frozen=True, slots=True)
class Truth:
    """A grant that holds, where it holds, whose key signs it, and how many days its scenario allows."""

    grant: AccessGrant
    domain: Domain
    holder: AccountKey
    most_days: int

    def signed(self, grant: AccessGrant | None = None, domain: Domain | None = None) -> GrantEnvelope:
        """Signed by the holder: as it is, or of another grant, or for another domain."""
        grant = grant or self.grant
        return GrantEnvelope.of(grant, self.holder.sign_digest(grant.digest(domain or self.domain)))


@dataclass(frozen=True, slots=True)
class Forgery:
    """One way to forge: ``make`` a message, and the codes of the refusals that are right for it."""

    name: str
    make: Callable[[Random, Truth], GrantEnvelope]
    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Spent:
    """A grant as it was signed, that holds no more: ``change`` the evidence."""

    name: str
    change: Callable[[Random, GrantEvidence], GrantEvidence]
    codes: frozenset[str]


def _other_key(draw: Random, truth: Truth) -> GrantEnvelope:
    return GrantEnvelope.of(truth.grant, _thief(draw).sign_digest(truth.grant.digest(truth.domain)))


def _own_grant(draw: Random, truth: Truth) -> GrantEnvelope:
    thief = _thief(draw)
    grant = replace(truth.grant, grantor=thief.address)
    return GrantEnvelope.of(grant, thief.sign_digest(grant.digest(truth.domain)))


def _signature_bit(draw: Random, truth: Truth) -> GrantEnvelope:
    signature = bytearray(truth.signed().signature)
    bit = draw.randrange(8 * len(signature))
    signature[bit // 8] ^= 1 << bit % 8
    return GrantEnvelope.of(truth.grant, bytes(signature))


def _mirrored(_draw: Random, truth: Truth) -> GrantEnvelope:
    """The other signature that the same key could have made, by the curve's own symmetry."""
    made = truth.signed().signature
    s = ORDER - int.from_bytes(made[32:64], "big")
    return GrantEnvelope.of(truth.grant, made[:32] + s.to_bytes(32, "big") + bytes([55 - made[64]]))


def _unsigned(_draw: Random, truth: Truth) -> GrantEnvelope:
    return GrantEnvelope.of(truth.grant, b"")


def _changed(draw: Random, truth: Truth) -> GrantEnvelope:
    """One member changed after the signature."""
    grant = truth.grant
    changes: dict[str, object] = {
        "grant_id": draw.randbytes(32),
        "grantor": draw.randbytes(20),
        "agency": draw.randbytes(20),
        "agency_card": draw.randbytes(32),
        "officer_class": draw.randbytes(32),
        "nullifier": draw.randbytes(32),
        "not_before": grant.not_before - draw.randrange(1, DAY_S),
        "not_after": grant.not_after + draw.randrange(1, 365 * DAY_S),
        "max_uses": grant.max_uses + draw.randrange(1, 1000),
        "min_interval_s": grant.min_interval_s + draw.randrange(1, 1000),
        "retention_days": grant.retention_days + draw.randrange(1, 1000),
        "scope": (_scope(draw, grant.scope[0]),),
    }
    name = draw.choice(list(changes))
    changed = replace(grant, **{name: changes[name]})  # type: ignore[arg-type]  # each value is of its member's type
    return GrantEnvelope.of(changed, truth.signed().signature)


def _scope(draw: Random, part: ScopeItem) -> ScopeItem:
    name = draw.choice(SCOPE)
    values: dict[str, object] = {
        "claims": tuple(sorted({*part.claims, f"/{draw.randbytes(4).hex()}"})),
        "documents": tuple(sorted({*part.documents, draw.randbytes(32)})),
    }
    value = values.get(name, draw.randbytes(32))
    return replace(part, **{name: value})  # type: ignore[arg-type]  # as above


def _other_chain(draw: Random, truth: Truth) -> GrantEnvelope:
    chain = truth.domain.chain_id + draw.randrange(1, 1 << 32)
    return truth.signed(domain=Domain(chain, truth.domain.verifying_contract))


def _other_contract(draw: Random, truth: Truth) -> GrantEnvelope:
    return truth.signed(domain=Domain(truth.domain.chain_id, draw.randbytes(20)))


def _member(name: str, size: int) -> Callable[[Random, Truth], GrantEnvelope]:
    def make(draw: Random, truth: Truth) -> GrantEnvelope:
        return truth.signed(replace(truth.grant, **{name: draw.randbytes(size)}))  # type: ignore[arg-type]  # of bytes

    return make


def _other_epoch(draw: Random, truth: Truth) -> GrantEnvelope:
    return truth.signed(replace(truth.grant, grant_epoch=truth.grant.grant_epoch + draw.randrange(1, 1000)))


def _expired(draw: Random, truth: Truth) -> GrantEnvelope:
    ended = truth.grant.not_before - draw.randrange(DAY_S)
    return truth.signed(replace(truth.grant, not_before=ended - draw.randrange(1, 7 * DAY_S), not_after=ended))


def _over_asking(draw: Random, truth: Truth) -> GrantEnvelope:
    part = truth.grant.scope[0]
    claims = tuple(sorted({*part.claims, f"/{draw.randbytes(4).hex()}"}))
    return truth.signed(replace(truth.grant, scope=(replace(part, claims=claims),)))


def _too_long(draw: Random, truth: Truth) -> GrantEnvelope:
    longer = truth.grant.not_before + (truth.most_days + draw.randrange(1, 3650)) * DAY_S
    return truth.signed(replace(truth.grant, not_after=longer))


def _thief(draw: Random) -> AccountKey:
    return AccountKey(draw.randbytes(32))


def _codes(*codes: str) -> frozenset[str]:
    return frozenset(codes)


# What is changed after signing recovers to a stranger's account, and may also be no signature, or fail before it.
_SIGNATURE = _codes("signature", "signature_form", "signature_malleable")
FORGERIES = (
    Forgery("another's key", _other_key, _SIGNATURE),
    Forgery("a thief's own grant", _own_grant, _codes("not_controller")),
    Forgery("a bit of the signature", _signature_bit, _SIGNATURE),
    Forgery("the mirrored signature", _mirrored, _codes("signature_malleable")),
    Forgery("no signature", _unsigned, _codes("not_attested")),
    Forgery("changed after signing", _changed, _SIGNATURE | {"agency_unknown", "parcel_digest", "grant_headers"}),
    Forgery("another chain", _other_chain, _SIGNATURE),
    Forgery("another contract", _other_contract, _SIGNATURE),
    Forgery("another log", _member("log", 32), _codes("grant_log")),
    Forgery("another dossier", _member("dossier", 32), _codes("grant_dossier")),
    Forgery("another agency", _member("agency", 20), _codes("grant_agency", "agency_unknown")),
    Forgery("another key card", _member("agency_card", 32), _codes("grant_card")),
    Forgery("another scenario", _member("scenario", 32), _codes("grant_scenario", "scenario_unknown")),
    Forgery("an unknown mandate", _member("mandate", 32), _codes("mandate_missing")),
    Forgery("another epoch", _other_epoch, _codes("grant_epoch")),
    Forgery("expired", _expired, _codes("grant_expired")),
    Forgery("more than the scenario allows", _over_asking, _codes("over_asking")),
    Forgery("longer than the scenario allows", _too_long, _codes("grant_exceeds_scenario")),
)


def _revoked(draw: Random, ev: GrantEvidence) -> GrantEvidence:
    return ev._replace(nullified=ev.nullified._replace(spent_at=ev.now - draw.randrange(DAY_S)))


def _used_up(draw: Random, ev: GrantEvidence) -> GrantEvidence:
    return ev._replace(uses=3 + draw.randrange(1000))


def _too_late(draw: Random, ev: GrantEvidence) -> GrantEvidence:
    return _at(ev, ev.now + 7 * DAY_S + draw.randrange(10 * DAY_S))


def _too_early(draw: Random, ev: GrantEvidence) -> GrantEvidence:
    return _at(ev, ev.now - 61 - draw.randrange(10 * DAY_S))


def _frozen(draw: Random, ev: GrantEvidence) -> GrantEvidence:
    return ev._replace(dossier=replace(ev.dossier, frozen_until=ev.now + 1 + draw.randrange(DAY_S)))


def _no_reader(draw: Random, ev: GrantEvidence) -> GrantEvidence:
    ended = tuple(RoleFact(role.role, role.since, ev.now - draw.randrange(60)) for role in ev.agency.roles)
    return ev._replace(agency=replace(ev.agency, roles=ended))


def _at(ev: GrantEvidence, now: int) -> GrantEvidence:
    """The same evidence, as fresh, at another time."""
    return ev._replace(
        now=now,
        dossier=replace(ev.dossier, known_at=now),
        agency=replace(ev.agency, known_at=now),
        nullified=ev.nullified._replace(known_at=now),
    )


SPENT = (
    Spent("revoked", _revoked, _codes("grant_revoked")),
    Spent("used up", _used_up, _codes("grant_used_up")),
    Spent("ended by the clock", _too_late, _codes("grant_expired")),
    Spent("not begun", _too_early, _codes("grant_not_yet")),
    Spent("a frozen dossier", _frozen, _codes("dossier_frozen")),
    Spent("an agency that reads no more", _no_reader, _codes("not_reader")),
)
