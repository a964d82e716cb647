"""Who used what: every ``access`` of the history, with the reader's own signature and the log's proof checked.

A sync has already walked the history, so that no use can be missing in it and each stands where this dossier finds it
(its tag). Here each use is checked by itself, and against the chain:
(1) the record names the receipt that the vault shows;
(2) the reader's registered key signed that receipt, for this log;
(3) the receipt takes no more than the grant gave;
(4) the entry is in the log, in a head that the chain anchors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from client.checks import Desk
from client.session import Session
from client.verification import anchor_facts, consistency_for
from console.i18n import N_, describe
from protocol.encoding import b64u, unb64u
from protocol.entries import AccessRecord, Entry
from protocol.errors import Denied, OneFileError, Unavailable, Untrusted
from protocol.facts import AnchorFacts
from protocol.identifiers import parse_agency_urn
from protocol.receipts import Receipt, parse_receipt
from protocol.signed import Signed, check_audience
from protocol.verify_log import EntryEvidence, verify_entry
from wallet_cli.services import said
from wallet_cli.services.presenting import best_proof

CHECKS = {
    "receipt": N_("the receipt is the one that was logged"),
    "receipt_signature": N_("the agency's registered key signed the receipt"),
    "scope": N_("no more was taken than granted"),
    "log": N_("the use is in the log that the chain anchors"),
}
STATES = {"pass": N_("checked"), "fail": N_("WRONG"), "unknown": N_("unknown")}


@dataclass(frozen=True, slots=True)
class UseCheck:
    """One check of a use; ``status``: pass, fail or unknown."""

    name: str
    status: str
    code: str = "ok"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """One use. ``at`` by the vault's clock, ``anchored_at`` by the chain's; ``items``: id, claims, documents.

    Of a use whose record the vault withholds nothing is known but its place in the log.
    """

    n: int
    index: int
    at: int | None
    anchored_at: int | None
    grant: str | None
    show: str | None
    use_no: int | None
    agency: str | None
    agency_name: str | None
    scenario: str | None
    officer: str | None
    retain_until: int | None
    items: list[dict[str, Any]]
    checks: list[UseCheck]

    @property
    def state(self) -> str:
        """``fail`` if a check failed, else ``unknown`` if one could not be made, else ``pass``."""
        found = {check.status for check in self.checks}
        return next((state for state in ("fail", "unknown") if state in found), "pass")


def uses(session: Session, desk: Desk, wanted: str | None = None) -> list[Use]:
    """All uses, or those of one grant or show; each checked. ``Denied("grant_not_found")`` for an id of neither: a slip
    of the pen must not read like "nobody has used it"."""
    anchors, grants = anchor_facts(desk), said.grants(session)
    found = []
    for n, row in enumerate(session.store.history()):
        if _is_access(row):
            record = _record(row)
            if not wanted or record is None or b64u(record.basis).startswith(wanted):
                found.append(_use(session, desk, (n, row, record), anchors, grants))
    if wanted and not found and not any(b64u(grant).startswith(wanted) for grant in grants):
        raise Denied("grant_not_found", "{count} grants have an id that begins with {grant}", count=0, grant=wanted)
    return found


def _record(row: dict[str, Any]) -> AccessRecord | None:
    """The vault's record of the use; None where opening or record are withheld."""
    logged = row["logged"]
    if logged.get("opening") is None or logged.get("object") is None:
        return None
    return AccessRecord.parse(unb64u(logged["object"], what="object"))


def _is_access(row: dict[str, Any]) -> bool:
    return Entry.parse(unb64u(row["logged"]["entry"], what="entry")).t == "access"


def _use(
    session: Session,
    desk: Desk,
    event: tuple[int, dict[str, Any], AccessRecord | None],
    anchors: AnchorFacts | None,
    grants: Mapping[bytes, said.GrantSaid],
) -> Use:
    n, row, record = event
    logged = row["logged"]
    checks: list[UseCheck] = []
    receipt = _opened_receipt(row, record, checks)
    if receipt is not None and record is not None:
        checks.append(_attempt("receipt_signature", lambda: _check_signature(session, desk, receipt)))
        checks.append(_attempt("scope", lambda: _check_scope(record, receipt.body, grants)))
    times: list[int | None] = []
    entry = unb64u(logged["entry"], what="entry")
    checks.append(_attempt("log", lambda: times.append(_check_log(session, desk, logged["index"], entry, anchors))))
    body = receipt.body if receipt else None
    account = parse_agency_urn(body.iss).account if body else None
    return Use(
        n=n,
        index=logged["index"],
        at=record.at if record else None,
        anchored_at=times[0] if times else None,
        grant=b64u(record.grant) if record and record.grant else None,
        show=b64u(record.show) if record and record.show else None,
        use_no=record.use_no if record else None,
        agency="0x" + account.hex() if account else None,
        agency_name=desk.name_of(account) if account else None,
        scenario=b64u(body.scenario) if body else None,
        officer=f"{body.officer.officer_class}/{body.officer.ref}" if body else None,
        retain_until=body.retain_until if body else None,
        items=list(_items(body)) if body else [],
        checks=checks,
    )


def _items(receipt: Receipt) -> Iterator[dict[str, Any]]:
    for item in receipt.items:
        yield {
            "item": b64u(item.item),
            "claims": list(item.claims),
            "documents": [b64u(document) for document in item.documents],
        }


def _attempt(name: str, check: Callable[[], object]) -> UseCheck:
    try:
        check()
    except Unavailable as error:
        return UseCheck(name, "unknown", error.code, describe(error))
    except OneFileError as error:
        return UseCheck(name, "fail", error.code, describe(error))
    return UseCheck(name, "pass")


# Step (1): the record names the receipt that the vault shows.


def _opened_receipt(row: dict[str, Any], record: AccessRecord | None, checks: list[UseCheck]) -> Signed[Receipt] | None:
    found: list[Signed[Receipt]] = []

    def check() -> None:
        if record is None:
            raise Untrusted("record_withheld", "the vault shows no record of this use")
        if not row.get("receipt"):
            raise Untrusted("receipt_withheld", "the vault shows no receipt for this use")
        signed = parse_receipt(row["receipt"])
        if signed.hash != record.receipt:
            raise Untrusted("receipt_other", "the receipt is not the one that was logged")
        if (signed.body.grant, signed.body.show) != (record.grant, record.show):
            raise Untrusted("receipt_other", "the receipt is not the one that was logged")
        found.append(signed)

    checks.append(_attempt("receipt", check))
    return found[0] if found else None


# Step (2): the reader's registered key signed it.


def _check_signature(session: Session, desk: Desk, receipt: Signed[Receipt]) -> None:
    check_audience(receipt.body.aud, session.log.origin)
    reader = parse_agency_urn(receipt.body.iss)
    deployment = session.deployment
    if (reader.chain_id, reader.registry) != (deployment.chain_id, deployment.contracts.agency_registry):
        raise Untrusted("receipt_registry", "the receipt is by an agency of another chain or registry")
    card = desk.issuer_card(reader.account, receipt.jws.kid)
    receipt.verified_by(card.present_key)
    if card.hash != receipt.body.card:
        raise Untrusted("receipt_card", "the receipt names another key card than the one that signed it")


# Step (3): no more was taken than granted.


def _check_scope(record: AccessRecord, receipt: Receipt, grants: Mapping[bytes, said.GrantSaid]) -> None:
    if record.grant is None:
        return  # a show: what was handed over, this wallet chose when it was collected
    if record.grant not in grants:
        raise Untrusted("use_without_grant", "the use is under a grant that this dossier never gave")
    # As it was logged: the vault could show another scope than the one that was signed.
    grant = grants[record.grant].envelope.grant
    if "0x" + grant.agency.hex() != receipt.iss.rpartition(":")[2] or grant.scenario != receipt.scenario:
        raise Denied("use_other_grant", "the use is by another agency, or for another scenario, than the grant allows")
    allowed = {part.item: part for part in grant.scope}
    for item in receipt.items:
        part = allowed.get(item.item)
        if part is None or not (set(item.claims) <= set(part.claims) and set(item.documents) <= set(part.documents)):
            raise Denied(
                "use_exceeds_grant", "the receipt takes more of item {item} than was granted", item=b64u(item.item)
            )
    if record.use_no > grant.max_uses:
        raise Denied(
            "use_exceeds_grant_count", "this is use {got} of at most {most}", got=record.use_no, most=grant.max_uses
        )


# Step (4): the log, and the chain.


def _check_log(session: Session, desk: Desk, index: int, entry: bytes, anchors: AnchorFacts | None) -> int | None:
    """The time by the chain, None while the entry is not anchored yet."""
    if anchors is None:
        raise Unavailable("not_anchored", "the chain knows no head of this log yet")
    proof = best_proof(session, desk, index, entry)
    consistency = consistency_for(desk, proof, anchors, online=True)
    return verify_entry(EntryEvidence(entry, proof, consistency), anchors).time
