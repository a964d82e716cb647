"""The verdict for anybody: grants, receipts, proofs and checkpoints, judged with ``protocol/verify*.py``.

Never a presentation and never a claim's value: whatever carries one is refused unread (``values_not_accepted``), since
the vault must not learn it. Presentations are verified by ``wallet verify`` and ``agency verify`` with the same code.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, or_, select

from chain.ledger import ROLE_READER
from console.i18n import translate
from protocol import wire_verify
from protocol.encoding import unb64u
from protocol.errors import Denied, Malformed, OneFileError, Unavailable, Untrusted, fill
from protocol.facts import Anchor, AnchorFacts, fact_age
from protocol.grant import GrantEnvelope
from protocol.identifiers import parse_agency_urn
from protocol.jose import verify_jws
from protocol.note import Checkpoint, parse_note
from protocol.receipts import Receipt, parse_receipt
from protocol.signed import Signed, check_audience
from protocol.tlog_proof import TlogProof
from protocol.verdict import (
    CHAIN_MAX_AGE_S,
    FINALITY_GRACE_S,
    POLICIES,
    Check,
    Policy,
    Verdict,
    attempt,
    conclude,
    failed,
    passed,
)
from protocol.verify_grant import judge_grant
from protocol.verify_log import EntryEvidence, judge_checkpoint, judge_entry
from vault_api.db import tables as t
from vault_api.problems import values_not_accepted
from vault_api.services.grants import first_evidence, use_evidence
from vault_api.services.releases import reader_key
from vault_api.vault import Vault

GRANT_MEMBERS = {"v", "grant", "signature"}
# A receipt is a reader's own word: signed by its key card, by a registered reader, and in the log.
RECEIPT_POLICY = Policy(
    "receipt",
    frozenset({"format", "issuer_signature", "issuer_authority", "anchor_inclusion"}),
    {"issuer_authority": CHAIN_MAX_AGE_S},
    {"anchor_finality": FINALITY_GRACE_S},
)


def verify(vault: Vault, body: wire_verify.VerifyRequest) -> Verdict:
    """The verdict on what was sent, by the records of this vault and the chain."""
    refuse_values(body)
    if body.kind == "grant":
        return _grant(vault, body.value)
    text = _text(body)
    if body.kind == "receipt":
        return _receipt(vault, text)
    if body.kind == "proof":
        return _proof(vault, text, body.entry)
    return _checkpoint(vault, text)


def answer(verdict: Verdict, language: str) -> wire_verify.VerdictAnswer:
    """A verdict as it travels, its details in the caller's language."""
    return wire_verify.VerdictAnswer(
        verdict=verdict.verdict,
        at=verdict.at,
        checks=[_check_row(check, language) for check in verdict.checks],
    )


def refuse_values(body: wire_verify.VerifyRequest) -> None:
    """``Malformed("values_not_accepted")`` for anything that is, or carries, a presentation or credential."""
    value = body.value
    # A tilde stands between an SD-JWT and its disclosures, and in nothing that is verified here.
    if isinstance(value, str) and "~" in value:
        raise values_not_accepted()
    if not isinstance(value, str) and (body.kind != "grant" or not set(value) <= GRANT_MEMBERS):
        raise values_not_accepted()


def anchor_facts(vault: Vault, now: int, *, index: int, size: int | None) -> AnchorFacts:
    """Of the anchored heads that the follower has seen those that tell of entry ``index`` under a head of ``size``: the
    newest, the first that covers the entry, and the one of that size; and how old that is.

    There is one more a minute for years: nobody who asks may cost a look at all of them.
    """
    age = vault.facts.age_s()
    anchored = t.anchors.c.size
    telling = [
        anchored == select(func.max(anchored)).scalar_subquery(),
        anchored == select(func.min(anchored)).where(anchored > index).scalar_subquery(),
        *([anchored == size] if size is not None else []),
    ]
    with vault.engine.connect() as conn:
        rows = conn.execute(select(t.anchors).where(or_(*telling)).order_by(anchored)).all()
    top = vault.facts.block_number
    anchors = tuple(Anchor(row.size, row.root, row.block_time, max(0, top - row.block)) for row in rows)
    return AnchorFacts(vault.origin, vault.log.vkey, anchors, now - age, vault.log.former)


def _grant(vault: Vault, value: Any) -> Verdict:
    now = vault.moment()
    try:
        envelope = GrantEnvelope.from_json(value)
    except Malformed as error:
        return conclude(POLICIES["release"], [failed("format", error)], now)
    grant = envelope.grant
    vault.facts.dossier(grant.dossier)
    vault.facts.agency(grant.agency)
    with vault.engine.connect() as conn:
        row = conn.execute(select(t.grants).where(t.grants.c.grant_id == grant.grant_id)).one_or_none()
        # Another envelope with a known id has no record here: it is judged as what was never posted.
        if row is not None and row.envelope == envelope.raw:
            evidence = use_evidence(vault, conn, row, envelope, now)
        else:
            evidence = first_evidence(vault, conn, envelope, now)
    return judge_grant(envelope, evidence, POLICIES["release"])


def _receipt(vault: Vault, raw: str) -> Verdict:
    now = vault.clock.now()
    try:
        receipt = parse_receipt(raw)
    except Malformed as error:
        return conclude(RECEIPT_POLICY, [failed("format", error)], now)
    made = [
        passed("format"),
        attempt("issuer_signature", lambda: _check_signed(vault, receipt)),
        _authority(vault, receipt, now),
        attempt("anchor_inclusion", lambda: _logged_index(vault, receipt)),
    ]
    return conclude(RECEIPT_POLICY, made, now)


def _check_signed(vault: Vault, receipt: Signed[Receipt]) -> None:
    account = parse_agency_urn(receipt.body.iss).account
    if receipt.body.iss != vault.agency_urn(account):
        raise Untrusted(
            "receipt_issuer", "the receipt is by {got}, an agency of another chain", got=receipt.body.iss
        )
    verify_jws(receipt.jws, reader_key(vault, receipt))
    check_audience(receipt.body.aud, vault.origin)


def _authority(vault: Vault, receipt: Signed[Receipt], now: int) -> Check:
    try:
        known = vault.facts.agency(parse_agency_urn(receipt.body.iss).account)
    except OneFileError as error:
        return failed("issuer_authority", error)
    if not known.state.has_role(ROLE_READER, receipt.body.iat):
        return failed(
            "issuer_authority",
            Denied("not_a_reader", "the agency is not registered as a reader"),
            age=known.age_s,
        )
    return passed("issuer_authority", age=fact_age(now, now - known.age_s))


def _logged_index(vault: Vault, receipt: Signed[Receipt]) -> int:
    told = vault.told()
    with vault.engine.connect() as conn:
        for table in (t.releases, t.shows):
            index: int | None = conn.execute(
                select(table.c.idx).where(table.c.receipt_sha256 == receipt.hash)
            ).scalar()
            if index is not None and index < told:
                return index
    raise Denied("receipt_unknown", "this receipt is not in the log")


def _proof(vault: Vault, text: str, entry: str | None) -> Verdict:
    now = vault.clock.now()
    if entry is None:
        raise Malformed("request", "{field}: {problem}", field="entry", problem="missing")
    raw = _octets(text)
    try:
        proof = TlogProof.parse(raw)
    except Malformed as error:
        return conclude(POLICIES["window"], [failed("format", error)], now)
    size = _size_of(proof.checkpoint)
    anchors = anchor_facts(vault, now, index=proof.index, size=size)
    evidence = EntryEvidence(unb64u(entry, what="entry"), raw, _to_anchor(vault, size, anchors))
    return judge_entry(
        evidence, anchors, POLICIES["window"], now=now, confirmations=vault.settings.confirmations
    )


def _checkpoint(vault: Vault, text: str) -> Verdict:
    now = vault.clock.now()
    raw = _octets(text)
    size = _size_of(raw)
    anchors = anchor_facts(vault, now, index=0, size=size)
    proof = _to_anchor(vault, size, anchors)
    return judge_checkpoint(raw, anchors, POLICIES["window"], now=now, consistency=proof)


def _size_of(raw: bytes) -> int | None:
    """The size that a checkpoint claims; None if it is none."""
    try:
        return Checkpoint.parse_text(parse_note(raw).text).size
    except Malformed:
        return None


def _to_anchor(vault: Vault, size: int | None, anchors: AnchorFacts) -> tuple[bytes, ...]:
    """What ties a checkpoint to the last anchored head; nothing if it claims what this log never was."""
    head = anchors.head
    if head is None or size is None:
        return ()
    try:
        return tuple(vault.log.consistency(*sorted((size, head.size))))
    except (Malformed, Denied, Unavailable):
        return ()


def _text(body: wire_verify.VerifyRequest) -> str:
    assert isinstance(body.value, str)  # `refuse_values` lets an object pass as a grant only
    return body.value


def _octets(text: str) -> bytes:
    """The bytes of a note or proof; JSON can bring a lone surrogate, which they will be refused for."""
    return text.encode("utf-8", "surrogatepass")


def _check_row(check: Check, language: str) -> wire_verify.CheckRow:
    return wire_verify.CheckRow(
        name=check.name,
        status=check.status,
        code=check.code,
        detail=fill(translate(check.template, language), dict(check.facts)),
        fact_age_s=check.fact_age_s,
    )
