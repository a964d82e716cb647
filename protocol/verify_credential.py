"""Whether a credential holds, and a presentation of it, step by step as docs/spec/verdict.md §3 numbers them.

The wallet asks it before it claims an item, the agency when it opens a parcel or scans a code, anybody offline with
``wallet verify`` and a trust file. Nothing here fetches a name that it finds in a credential, asks the chain, or looks
at a clock.

Left out: the digests of documents, which are checked while they are opened (``files[]`` and the slip name them), and
own documents of a holder, which no issuer signed.
"""

from __future__ import annotations

from collections.abc import Callable

from protocol.credential import (
    Credential,
    check_age,
    check_dates,
    check_named,
    open_credential,
    verify_presentation_binding,
)
from protocol.credential_evidence import Asked, CredentialEvidence, DepositEvidence, VerifiedCredential
from protocol.encoding import b64u
from protocol.errors import Denied, OneFileError, Unavailable, Untrusted
from protocol.facts import AgencyFacts, fact_age
from protocol.grant import GrantEnvelope
from protocol.grant_evidence import GrantEvidence
from protocol.hashing import same
from protocol.identifiers import parse_agency_urn
from protocol.keycard import VerifiedKeyCard, verify_key_card
from protocol.licence_types import type_id
from protocol.pointers import format_pointer, selects
from protocol.registered_cards import agency_card, card_with_key, check_in_force_at, named_agency
from protocol.scenario import check_in_force
from protocol.sdjwt import verify_issuer
from protocol.slips import Slip, item_commitment, parse_slip, verify_slip
from protocol.status_list import CORRECTING, SUSPENDED, VALID, parse_status_token, verify_status_token
from protocol.verdict import (
    Check,
    Policy,
    Verdict,
    accepted,
    attempt,
    conclude,
    failed,
    in_order,
    not_reached,
    passed,
)
from protocol.verify_grant import grant_checks
from protocol.verify_log import VerifiedEntry, entry_checks, verify_commitment

_LOG_CHECKS = ("anchor_inclusion", "log_consistency", "anchor_finality")
_CREDENTIAL_CHECKS = ("issuer_signature", "issuer_authority", *_LOG_CHECKS, "status", "holder_binding")
Grant = tuple[GrantEnvelope, GrantEvidence]


def verify_credential(
    raw: str | bytes,
    evidence: CredentialEvidence,
    policy: Policy,
    *,
    asked: Asked | None = None,
    grant: Grant | None = None,
) -> VerifiedCredential:
    """The credential, if ``policy`` accepts it on this evidence.

    With ``asked`` it is a presentation and must answer exactly that; with ``grant`` that grant must hold too. Raises
    what the first failed check says; ``Unavailable`` if none failed and a fact is missing or too old.
    """
    credential, entry, verdict = _judge(raw, evidence, policy, asked, grant)
    accepted(verdict, policy)
    assert credential is not None  # a verdict accepts nothing that has no form
    return VerifiedCredential(credential, entry, verdict)


def judge_credential(
    raw: str | bytes,
    evidence: CredentialEvidence,
    policy: Policy,
    *,
    asked: Asked | None = None,
    grant: Grant | None = None,
) -> Verdict:
    """Every check of a credential or presentation, and the verdict by ``policy``. Raises nothing on any bytes."""
    return _judge(raw, evidence, policy, asked, grant)[2]


def _judge(
    raw: str | bytes, ev: CredentialEvidence, policy: Policy, asked: Asked | None, grant: Grant | None
) -> tuple[Credential | None, VerifiedEntry | None, Verdict]:
    # (1) format: the bytes are a credential of our profile, and every disclosure is its issuer's.
    try:
        credential = open_credential(raw)
    except OneFileError as error:
        made = [failed("format", error), *map(not_reached, _CREDENTIAL_CHECKS)]
        return None, None, conclude(policy, in_order(made), ev.now)
    # (2) The log first: the time of issue is the chain's, and the issuer's authority is judged at that time.
    entry, log_checks = _check_log(credential, ev, asked)
    issued_at = entry.time if entry is not None and entry.time is not None else ev.now
    issuer_age = None if ev.issuer is None else fact_age(ev.now, ev.issuer.known_at)
    dossier_age = None if ev.dossier is None else fact_age(ev.now, ev.dossier.known_at)
    made = [
        passed("format"),
        attempt("issuer_signature", lambda: _check_signature(credential, ev), age=issuer_age),
        attempt("issuer_authority", lambda: _check_authority(credential, ev, issued_at), age=issuer_age),
        *log_checks,
        _check_status(credential, ev),
        attempt("holder_binding", lambda: _check_binding(credential, ev, asked), age=dossier_age),
        *_check_use(credential, ev, asked, grant),
    ]
    return credential, entry, conclude(policy, in_order(made), ev.now)


# (2) anchor_inclusion, log_consistency, anchor_finality: the deposit of this very credential stands in the log.


def _check_log(
    credential: Credential, ev: CredentialEvidence, asked: Asked | None
) -> tuple[VerifiedEntry | None, list[Check]]:
    if ev.deposit is None or ev.anchors is None:
        missing = Unavailable("log_facts_missing", "no log proof, or no anchored head of the log, is at hand")
        return None, [failed(name, missing) for name in _LOG_CHECKS]
    entry, made = entry_checks(ev.deposit.entry, ev.anchors, now=ev.now, confirmations=ev.confirmations)
    if entry is None:
        return None, made
    try:
        _check_deposit(credential, ev, ev.deposit, entry, asked)
    except OneFileError as error:
        # The log is what it should be; what stands in it is another thing.
        return None, [failed("anchor_inclusion", error), *made[1:]]
    return entry, made


def _check_deposit(
    credential: Credential, ev: CredentialEvidence, deposit: DepositEvidence, entry: VerifiedEntry, asked: Asked | None
) -> None:
    assert ev.anchors is not None
    verify_commitment(entry.entry, t="issue", salt=deposit.leaf_salt, object_bytes=deposit.slip.encode("utf-8"))
    issuer = _issuer(credential, ev)
    kid = parse_slip(deposit.slip).jws.kid
    slip = verify_slip(deposit.slip, _card(kid, issuer, ev).present_key, log=ev.anchors.origin).body
    if slip.iss != credential.issuer or slip.dossier != credential.subject:
        raise Untrusted("slip_other", "the deposit slip is by another issuer, or for another dossier")
    if not same(item_commitment(deposit.salt, credential.issuer_jwt), slip.item_commitment):
        raise Untrusted("item_commitment", "the deposit slip commits to another credential")
    if asked is not None:
        _check_item(slip, asked)


def _check_item(slip: Slip, asked: Asked) -> None:
    if asked.item is not None and slip.item != asked.item:
        raise Untrusted("item_other", "the deposit slip is of another item than the grant opens")
    if not {o.payload for o in slip.objects}.issuperset(asked.documents):
        raise Untrusted("document_other", "the grant opens a document that is not of this item")


# (3) issuer_signature: by a key of the agency that the credential names.


def _issuer(credential: Credential, ev: CredentialEvidence) -> AgencyFacts:
    return named_agency(credential.issuer, ev.issuer, ev.registries.agency)


def _card(thumbprint: bytes, agency: AgencyFacts, ev: CredentialEvidence) -> VerifiedKeyCard:
    return agency_card(thumbprint, agency, ev.issuer_cards, ev.registries.agency)


def _check_signature(credential: Credential, ev: CredentialEvidence) -> None:
    card = _card(credential.kid, _issuer(credential, ev), ev)
    verify_issuer(credential.sdjwt, card.present_key)


# (4) issuer_authority: registered for this licence type, with a key that was good, when the deposit was anchored.


def _check_authority(credential: Credential, ev: CredentialEvidence, issued_at: int) -> None:
    issuer = _issuer(credential, ev)
    # The right first: who has none is refused also where the key card is not at hand.
    if not issuer.may_issue(type_id(credential.licence_type), issued_at):
        raise Denied(
            "issuer_not_allowed",
            "{name} was not registered to issue {type} at {at}",
            name=issuer.name,
            type=credential.licence_type,
            at=issued_at,
        )
    check_in_force_at(_card(credential.kid, issuer, ev), issuer, issued_at)


# (5) status: the issuer's list says that it is valid, and the licence is within its dates.


def _check_status(credential: Credential, ev: CredentialEvidence) -> Check:
    age: int | None = None
    if ev.status is not None:
        try:
            age = fact_age(ev.now, parse_status_token(ev.status.raw).body.iat)
        except OneFileError as error:
            return failed("status", error)
    return attempt("status", lambda: _check_valid(credential, ev), age=age)


def _check_valid(credential: Credential, ev: CredentialEvidence) -> None:
    check_dates(credential, ev.now)
    if ev.status is None:
        raise Unavailable("status_missing", "no status list of the issuer is at hand")
    issuer = _issuer(credential, ev)
    card = _card(parse_status_token(ev.status.raw).jws.kid, issuer, ev)
    token = verify_status_token(ev.status.raw, card.present_key, uri=credential.status.uri, now=ev.now).body
    # A thief of the key could declare anything valid: a token counts only by a key that is good now.
    check_in_force_at(card, issuer, ev.now)
    status = token.status(credential.status.idx)
    if status == CORRECTING:
        raise Unavailable("credential_correcting", "the credential is under correction")
    if status == SUSPENDED:
        raise Denied("credential_suspended", "the credential is suspended by its issuer")
    if status != VALID:
        raise Denied("credential_invalid", "the credential was revoked or replaced by its issuer")


# (6) holder_binding: bound to a key of the dossier that it is about, and shown by that key for this use.


def _check_binding(credential: Credential, ev: CredentialEvidence, asked: Asked | None) -> None:
    if asked is not None:
        verify_presentation_binding(credential, aud=asked.aud, nonce=asked.nonce)
        check_named(credential, asked.named)
    if credential.subject is None:
        raise Untrusted("subject_hidden", "the credential does not say whose it is")
    if ev.dossier is None:
        raise Unavailable("dossier_facts_missing", "what the registry says of the dossier is not at hand")
    if ev.dossier.dossier != credential.subject:
        raise Untrusted("subject_other", "the credential is about another dossier")
    found = card_with_key(ev.dossier_cards, credential.key.thumbprint())
    recorded = {card.hash for card in ev.dossier.cards}
    card = verify_key_card(found, ev.registries.dossier, subject=credential.subject, recorded=recorded)
    if card.card.seq < ev.dossier.revoked_below:
        raise Denied("holder_key_revoked", "the holder revoked the key of this credential: its issuer must rebind it")


# (7) scenario_minimum and, under a grant, the grant: what was asked for, and no more.


def _check_use(credential: Credential, ev: CredentialEvidence, asked: Asked | None, grant: Grant | None) -> list[Check]:
    made = {} if grant is None else {check.name: check for check in grant_checks(*grant)}
    if asked is None:
        return list(made.values())
    # Both look at the scenario: the grant at its own terms, the presentation at what is shown.
    _unless_failed(made, "scenario_minimum", lambda: _check_presented(credential, asked, ev.now))
    if grant is not None:
        _unless_failed(made, "grant_scope", lambda: _check_granted(credential, asked, grant[0]))
    return list(made.values())


def _unless_failed(made: dict[str, Check], name: str, check: Callable[[], object]) -> None:
    """Add ``check`` to the check of that name: both must hold, and the first that does not speaks."""
    before = made.get(name, passed(name))
    if before.status == "pass":
        made[name] = attempt(name, check, age=before.fact_age_s)


def _check_granted(credential: Credential, asked: Asked, envelope: GrantEnvelope) -> None:
    """The grant opens this very presentation, so that no caller can pair a good grant with another item."""
    grant = envelope.message
    part = (asked.item, asked.query, asked.named, asked.documents)
    if part not in {(p.item, p.query, p.claims, p.documents) for p in grant.scope}:
        raise Untrusted("grant_other_item", "the grant does not open this item for these claims and documents")
    reader = parse_agency_urn(asked.aud).account
    if (asked.nonce, reader, credential.subject) != (b64u(grant.grant_id), grant.agency, grant.dossier):
        raise Untrusted("grant_other", "the presentation was made under another grant")


def _check_presented(credential: Credential, asked: Asked, now: int) -> None:
    scenario = asked.scenario.scenario
    check_in_force(scenario, now)
    query = scenario.query.credential(asked.query)
    if query is None or credential.vct not in query.vct_values:
        raise Denied("scenario_type", "the scenario does not ask for a credential of type {vct}", vct=credential.vct)
    excess = [pointer for pointer in asked.named if pointer != "/sub" and not query.covers(pointer)]
    if excess:
        raise Denied(
            "over_asking",
            "the scenario {scenario} does not allow: {excess}",
            scenario=scenario.scenario_id,
            excess=", ".join(excess)[:500],
        )
    for claim in query.claims:
        values = (value for at, value in credential.opened.values.items() if selects(claim.path, at))
        if not all(map(claim.accepts, values)):
            raise Denied(
                "scenario_value",
                "the claim {claim} does not have a value that the scenario asks for",
                claim=format_pointer(str(step) for step in claim.path),
            )
    check_age(credential, now, scenario.max_age)
