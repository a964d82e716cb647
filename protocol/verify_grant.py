"""Whether a grant holds, step by step as docs/spec/grant.md §7 numbers them.

``verify_grant`` raises at the first step that fails and returns the verified grant: for the path of every use.
``judge_grant`` runs the same steps, collects what each comes to, and concludes by a policy. Both take everything
that they cannot know as evidence, with its age; neither asks the chain, the clock or a contract account.

Left out, since the vault cannot know it and the reader checks it after opening (``verify_credential``): whether the
parcels disclose exactly the claims that are named, and whether the items are what the scenario asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from protocol.account_envelope import AccountEnvelope, Message
from protocol.encoding import b64u, hex0x
from protocol.errors import Denied, Malformed, Unavailable, Untrusted
from protocol.facts import ROLE_READER, DossierFacts, NullifierFact, fact_age
from protocol.grant import NO_MANDATE, AccessGrant, GrantEnvelope
from protocol.grant_evidence import GrantEvidence, MandateEvidence, VerifiedGrant
from protocol.mandate import POWER_GRANT
from protocol.scenario import check_current, check_in_force
from protocol.signatures import recover
from protocol.verdict import (
    CHAIN_MAX_AGE_S,
    Check,
    Policy,
    Verdict,
    attempt,
    conclude,
    failed,
    in_order,
    not_reached,
    passed,
    skipped,
)


def verify_grant(envelope: GrantEnvelope, evidence: GrantEvidence) -> VerifiedGrant:
    """The grant, if it holds for one more use at ``evidence.now``.

    Raises ``Untrusted`` (signature, chain, contract, log, attestation), ``Denied`` (scope, time, uses, revoked,
    scenario, mandate) or ``Unavailable("chain_stale")`` when the facts from the chain are older than an hour.
    """
    ev = evidence
    grant = envelope.message
    _check_fresh(ev)
    digest = grant.digest(ev.domain)
    for run in _RUNS:
        run(envelope, digest, ev)
    return VerifiedGrant(envelope, digest, ev.now)


def judge_grant(raw: bytes | GrantEnvelope, evidence: GrantEvidence, policy: Policy) -> Verdict:
    """Every check of a grant, and the verdict by ``policy``. Raises nothing on any bytes."""
    try:
        envelope = GrantEnvelope.parse(raw) if isinstance(raw, bytes) else raw
    except Malformed as error:
        made = [failed("format", error), *(not_reached(step.name) for step in _STEPS)]
    else:
        made = [passed("format"), *grant_checks(envelope, evidence)]
    return conclude(policy, in_order(made), evidence.now)


def grant_checks(envelope: GrantEnvelope, evidence: GrantEvidence) -> list[Check]:
    """Every check of a grant but ``format``, for a verdict on more than the grant."""
    digest = envelope.message.digest(evidence.domain)
    return [_judge(step, envelope, digest, evidence) for step in _STEPS]


def _judge(step: _Step, envelope: GrantEnvelope, digest: bytes, ev: GrantEvidence) -> Check:
    if step.name == "mandate" and envelope.message.mandate == NO_MANDATE:
        return skipped("mandate")
    known_at = step.known_at(ev)
    age = fact_age(ev.now, *known_at) if known_at else None
    return attempt(step.name, lambda: step.run(envelope, digest, ev), age=age)


def _check_fresh(ev: GrantEvidence) -> None:
    oldest = ev.now - CHAIN_MAX_AGE_S
    if ev.dossier.known_at < oldest or ev.agency.known_at < oldest or ev.nullified.known_at < oldest:
        raise Unavailable(
            "chain_stale",
            "the facts from the chain are {age} s old; at most {limit} s count",
            age=fact_age(ev.now, ev.dossier.known_at, ev.agency.known_at, ev.nullified.known_at),
            limit=CHAIN_MAX_AGE_S,
        )


# (1) grant_signature: who signed, for which chain, contract, log and dossier.


def _check_signature(envelope: GrantEnvelope, digest: bytes, ev: GrantEvidence) -> None:
    grant = envelope.message
    # Chain and contract are in the digest; the log is in the message: a grant for one vault is none for another.
    if grant.log != ev.log:
        raise Untrusted("grant_log", "the grant is for another log than this one")
    if grant.dossier != ev.dossier.dossier:
        raise Untrusted("grant_dossier", "the grant is for another dossier than these facts")
    posted_at = ev.now if ev.posted_at is None else ev.posted_at
    if grant.mandate == NO_MANDATE:
        _check_controller(envelope, digest, grant.grantor, ev.dossier, posted_at)
    else:
        # Whether the agent may grant is step (2). An agent is never a contract: nothing attests for agents.
        _recovered(envelope, digest, grant.grantor)


def _check_controller(
    envelope: AccountEnvelope[Message], digest: bytes, account: bytes | None, dossier: DossierFacts, posted_at: int
) -> None:
    """Whoever signed (``account``, if the message names it) controlled the dossier then.

    *Then* is the time of the log entry, which no signer chooses, or that of the attestation.
    """
    signer, at = account, posted_at
    if envelope.signature:
        signer = _recovered(envelope, digest, account)
    else:
        # A contract account is not asked: its answer would change with its members. What counts is that the
        # registry asked it once, and when.
        attested = dossier.attested.get(digest)
        if attested is None:
            raise _not_attested()
        at = attested
    if signer is not None and not dossier.controlled_by(signer, at):
        raise Untrusted(
            "not_controller", "account {account} did not control the dossier at {at}", account=hex0x(signer), at=at
        )


def _recovered(envelope: AccountEnvelope[Message], digest: bytes, account: bytes | None) -> bytes:
    if not envelope.signature:
        raise _not_attested()
    signer = recover(digest, envelope.signature)
    if account is not None and signer != account:
        raise Untrusted(
            "signature",
            "the signature is not by account {account} over this message on this chain and contract",
            account=hex0x(account),
        )
    return signer


def _not_attested() -> Untrusted:
    return Untrusted("not_attested", "nobody signed this, and the dossier registry attests it nowhere")


# (2) mandate: an agent grants only what the dossier's controller let him.


def _check_mandate(envelope: GrantEnvelope, _digest: bytes, ev: GrantEvidence) -> None:
    grant = envelope.message
    if grant.mandate == NO_MANDATE:
        return
    given = ev.mandate
    if given is None:
        raise Denied("mandate_missing", "the grant names a mandate that is not here")
    mandate = given.envelope.message
    mandate_digest = mandate.digest(ev.domain)
    if mandate_digest != grant.mandate:
        raise Untrusted("mandate_other", "the grant names another mandate than this one")
    _check_controller(given.envelope, mandate_digest, None, ev.dossier, given.posted_at)
    if (mandate.log, mandate.dossier) != (grant.log, grant.dossier):
        raise Untrusted("mandate_dossier", "the mandate is for another dossier or log")
    if mandate.agent != grant.grantor:
        raise Denied("mandate_agent", "the mandate is not for account {account}", account=hex0x(grant.grantor))
    if not mandate.powers & POWER_GRANT:
        raise Denied("mandate_power", "the mandate does not give the power to grant")
    if mandate.scenarios and grant.scenario not in mandate.scenarios:
        raise Denied("mandate_scenario", "the mandate is not for this scenario")
    _check_mandate_alive(given, ev)


def _check_mandate_alive(given: MandateEvidence, ev: GrantEvidence) -> None:
    mandate = given.envelope.message
    if mandate.grant_epoch != ev.dossier.grant_epoch:
        raise Denied("mandate_epoch", "the mandate ended with epoch {epoch} of the dossier", epoch=mandate.grant_epoch)
    _check_nullifier(given.nullified, mandate.nullifier, "mandate_revoked")
    # Within its time counts the giving of the grant, not its use: a grant outlives a mandate that ran out, not one
    # that was revoked.
    given_at = ev.now if ev.posted_at is None else ev.posted_at
    if not mandate.not_before <= given_at < mandate.not_after:
        raise Denied(
            "mandate_time",
            "the mandate held from {start} to {end}; the grant was given at {at}",
            start=mandate.not_before,
            end=mandate.not_after,
            at=given_at,
        )
    if given.grants_before >= mandate.max_grants:
        raise Denied(
            "mandate_used_up", "the grants of the mandate are used up: {limit} in all", limit=mandate.max_grants
        )


# (3) grant_revocation: what takes rights away counts at first sight, unconfirmed.


def _check_revocation(envelope: GrantEnvelope, _digest: bytes, ev: GrantEvidence) -> None:
    grant = envelope.message
    if grant.grant_epoch != ev.dossier.grant_epoch:
        raise Denied(
            "grant_epoch",
            "the grant is of epoch {got}; the dossier is in epoch {want}",
            got=grant.grant_epoch,
            want=ev.dossier.grant_epoch,
        )
    if ev.dossier.frozen_until > ev.now:
        raise Denied("dossier_frozen", "the dossier is frozen until {until}", until=ev.dossier.frozen_until)
    _check_nullifier(ev.nullified, grant.nullifier, "grant_revoked")


def _check_nullifier(fact: NullifierFact, nullifier: bytes, code: str) -> None:
    if fact.nullifier != nullifier:
        raise Untrusted("nullifier_other", "the revocation record is of another grant or mandate")
    if fact.spent_at is not None:
        raise Denied(code, "its holder revoked it at {at}", at=fact.spent_at)


# (4) grant_time: by the verifier's clock.


def _check_time(envelope: GrantEnvelope, _digest: bytes, ev: GrantEvidence) -> None:
    grant = envelope.message
    if ev.now < grant.not_before:
        raise Denied(
            "grant_not_yet", "the grant begins at {start}; the clock says {now}", start=grant.not_before, now=ev.now
        )
    if ev.now >= grant.not_after:
        raise Denied("grant_expired", "the grant ended at {end}; the clock says {now}", end=grant.not_after, now=ev.now)


# (5) grant_uses: one more use, and not too soon after the last.


def _check_uses(envelope: GrantEnvelope, _digest: bytes, ev: GrantEvidence) -> None:
    grant = envelope.message
    if ev.uses >= grant.max_uses:
        raise Denied("grant_used_up", "the uses of the grant are used up: {limit} in all", limit=grant.max_uses)
    if ev.last_use_at is not None and ev.now < ev.last_use_at + grant.min_interval_s:
        raise Denied(
            "grant_interval",
            "the last use was at {last}; the next may be at {next}",
            last=ev.last_use_at,
            next=ev.last_use_at + grant.min_interval_s,
        )


# (6) grant_scope: for this agency, sealed to a card of it, over items of this dossier.


def _check_scope(envelope: GrantEnvelope, _digest: bytes, ev: GrantEvidence) -> None:
    grant, agency = envelope.message, ev.agency
    if grant.agency != agency.account:
        raise Denied("grant_agency", "the grant is for agency {agency}", agency=hex0x(grant.agency))
    if not agency.has_role(ROLE_READER, ev.now):
        raise Denied("not_reader", "agency {agency} is not registered as a reader", agency=hex0x(agency.account))
    card = agency.card(grant.agency_card)
    if card is None:
        raise Denied("grant_card", "the grant's parcels are sealed to a key card that the agency never published")
    # A card that a newer one revokes: whoever stole its keys could open what is released now.
    if card.seq < agency.revoked_below or card.compromised_since is not None:
        raise Denied("grant_card_revoked", "the key card that the parcels are sealed to was revoked")
    if ev.items is not None:
        _check_items(grant, ev.items)


def _check_items(grant: AccessGrant, items: Mapping[bytes, frozenset[bytes]]) -> None:
    for part in grant.scope:
        payloads = items.get(part.item)
        if payloads is None:
            raise Denied("item_unknown", "the dossier has no item {item}", item=b64u(part.item))
        if not payloads.issuperset(part.documents):
            strange = next(document for document in part.documents if document not in payloads)
            raise Denied(
                "document_unknown",
                "item {item} has no document {document}",
                item=b64u(part.item),
                document=b64u(strange),
            )


# (7) scenario_minimum: no more than the scenario allows.


def _check_scenario(envelope: GrantEnvelope, _digest: bytes, ev: GrantEvidence) -> None:
    grant = envelope.message
    if ev.scenario.hash != grant.scenario:
        raise Untrusted("grant_scenario", "the grant is for another scenario than this one")
    check_in_force(ev.scenario.scenario, ev.now)
    # A grant stays with the version that its holder read; a withdrawal reaches it all the same.
    check_current(ev.scenario.scenario, ev.scenario.later, ev.now, given=True)
    ev.scenario.check_terms(grant, ev.agency.division)


def _mandate_known_at(ev: GrantEvidence) -> tuple[int, ...]:
    nullified = () if ev.mandate is None else (ev.mandate.nullified.known_at,)
    return (ev.dossier.known_at, *nullified)


@dataclass(frozen=True, slots=True)
class _Step:
    """One check: its name, what it does, and when the facts were known that it rests on."""

    name: str
    run: Callable[[GrantEnvelope, bytes, GrantEvidence], None]
    known_at: Callable[[GrantEvidence], tuple[int, ...]] = lambda _: ()


_STEPS = (
    _Step("grant_signature", _check_signature, lambda ev: (ev.dossier.known_at,)),
    _Step("mandate", _check_mandate, _mandate_known_at),
    _Step("grant_revocation", _check_revocation, lambda ev: (ev.dossier.known_at, ev.nullified.known_at)),
    _Step("grant_time", _check_time),
    _Step("grant_uses", _check_uses),
    _Step("grant_scope", _check_scope, lambda ev: (ev.agency.known_at,)),
    _Step("scenario_minimum", _check_scenario),
)
_RUNS = tuple(step.run for step in _STEPS)
