"""What a thief, a bribed vault, a careless issuer or a cheating holder can do to a reader: each is refused by name.

Every row is one lie in an otherwise honest use. After each of them the reader has no folder, whatever it was handed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from protocol.encoding import b64u, unb64u
from protocol.entries import AccessRecord, Entry
from protocol.errors import OneFileError
from protocol.grant import GrantEnvelope
from protocol.hashing import sha256
from protocol.identifiers import agency_urn
from protocol.jose import P256Signer
from protocol.licence_types import Title
from protocol.merkle import inclusion_proof, leaf_hash, tree_levels
from protocol.merkle import root as tree_root
from protocol.note import Checkpoint, sign_checkpoint
from protocol.note_signer import Ed25519NoteSigner
from protocol.parcel import Parcel
from protocol.scenario import Scenario, sign_scenario
from protocol.sdjwt import parse_sdjwt
from protocol.sdjwt_present import bind_key, select_disclosures
from protocol.slips import parse_slip, sign_slip
from protocol.tlog_proof import TlogProof
from tests.reader_stage import CLAIMS, Given, Issued, ReaderStage

THIEF = P256Signer.from_secret(bytes(31) + b"\x66")
Attack = Callable[[ReaderStage], Given]


def refused(reader: ReaderStage, attack: Attack) -> str:
    """The code of the refusal; nothing may have been kept."""
    given = attack(reader)
    with pytest.raises(OneFileError) as caught:
        reader.release(given)
    assert not reader.out.exists()
    assert not list(reader.out.parent.glob(".out*"))
    assert all(use.state == "pending" for use in reader.uses())
    return caught.value.code


# --- a vault that lies about what it hands over -------------------------------------------------------


def answering(change: Callable[[dict[str, Any]], Any]) -> Attack:
    """An honest grant, and a changed answer to the release."""

    def attack(reader: ReaderStage) -> Given:
        given = reader.give(reader.item)
        reader.lie("/release", lambda body: {**body, **change(body)})
        return given

    return attack


def flipped(text: str, at: int = 500) -> str:
    raw = bytearray(unb64u(text))
    raw[at] ^= 1
    return b64u(bytes(raw))


def logged(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"logged": {**body["logged"], **changes}}


def opening(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return logged(body, opening={**body["logged"]["opening"], **changes})


def record(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The record with other words, and an opening that names it: what the entry commits to is the honest one."""
    raw = replace(AccessRecord.parse(unb64u(body["record"])), **changes).serialise()
    return {"record": b64u(raw), **opening(body, object_sha256=b64u(sha256(raw)))}


def forged_hash(body: dict[str, Any]) -> dict[str, Any]:
    proof = TlogProof.parse(body["proof"].encode())
    hashes = (sha256(proof.hashes[0]), *proof.hashes[1:])
    return {"proof": replace(proof, hashes=hashes).serialise().decode()}


def other_index(body: dict[str, Any]) -> dict[str, Any]:
    proof = TlogProof.parse(body["proof"].encode())
    return {"proof": replace(proof, index=proof.index - 1).serialise().decode()}


def foreign_checkpoint(body: dict[str, Any]) -> dict[str, Any]:
    """The same tree, signed by somebody who calls himself by the log's name."""
    proof = TlogProof.parse(body["proof"].encode())
    lines = proof.checkpoint.decode().split("\n")
    signer = Ed25519NoteSigner(lines[0], bytes(32))
    head = Checkpoint.parse_text("\n".join(lines[:3]) + "\n")
    return {"proof": replace(proof, checkpoint=sign_checkpoint(head, signer)).serialise().decode()}


ANSWERS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a parcel with a flipped byte": (lambda b: {"parcels": [flipped(b["parcels"][0])]}, "parcel_other"),
    "no parcel": (lambda b: {"parcels": []}, "parcel_other"),
    "a parcel twice": (lambda b: {"parcels": b["parcels"] * 2}, "parcel_other"),
    "a header left out": (lambda _: {"headers": []}, "headers_other"),
    "a header for another payload": (
        lambda b: {"headers": [{**b["headers"][0], "payload": b64u(bytes(32))}]},
        "headers_other",
    ),
    "a header of another item": (
        lambda b: {"headers": [{**b["headers"][0], "item": b64u(bytes(32))}]},
        "headers_other",
    ),
    "another header than the log says": (
        lambda b: {"headers": [{**b["headers"][0], "header": flipped(b["headers"][0]["header"])}]},
        "access_released",
    ),
    "another number of the use": (lambda b: {"use_no": b["use_no"] + 1}, "access_released"),
    "a record that nobody logged": (lambda b: {"record": b64u(unb64u(b["record"]) + b" ")}, "opening_object"),
    "a record with another receipt": (lambda b: record(b, receipt=bytes(32)), "opening_commitment"),
    "a record with another use number": (lambda b: record(b, use_no=9), "opening_commitment"),
    "an opening of another entry": (lambda b: opening(b, index=b["logged"]["index"] - 1), "access_opening"),
    "an opening with another salt": (lambda b: opening(b, salt=b64u(bytes(32))), "opening_commitment"),
    "an opening of another kind": (lambda b: opening(b, t="note"), "opening_type"),
    "no opening": (lambda b: logged(b, opening=None), "access_opening"),
    "an entry that is not in the log": (
        lambda b: logged(b, entry=b64u(Entry("access", bytes(32), bytes(32), bytes(32)).serialise())),
        "inclusion_proof",
    ),
    "bytes that are no entry": (lambda b: logged(b, entry=b64u(b"{}")), "field_missing"),
    "a forged inclusion proof": (forged_hash, "inclusion_proof"),
    "a proof of another index": (other_index, "inclusion_proof"),
    "a checkpoint of another key": (foreign_checkpoint, "note_unsigned"),
    "a proof that is none": (lambda _: {"proof": "c2sp.org/tlog-proof@v1\n"}, "tlog_proof"),
}


@pytest.mark.parametrize(("change", "code"), ANSWERS.values(), ids=ANSWERS)
def test_a_vault_that_lies_about_a_release_is_refused(
    reader: ReaderStage, change: Callable[[dict[str, Any]], Any], code: str
) -> None:
    assert refused(reader, answering(change)) == code


def test_a_parcel_of_another_grant_is_refused(reader: ReaderStage) -> None:
    def swap(reader: ReaderStage) -> Given:
        given, other = reader.give(reader.item), reader.give(reader.item)
        reader.lie("/release", lambda body: {**body, "parcels": [b64u(other.parcels[0])]})
        return given

    assert refused(reader, swap) == "parcel_other"


def test_an_earlier_use_does_not_stand_for_a_new_one(fresh_reader: ReaderStage) -> None:
    reader, answers = fresh_reader, []
    given = reader.give(reader.item)
    reader.lie("/release", lambda body: (answers.append(body), body)[1])
    reader.release(given, out=reader.folder / "first")

    def replay(reader: ReaderStage) -> Given:
        reader.lie("/release", lambda _body: answers[0])
        return given

    given_again = replay(reader)
    with pytest.raises(OneFileError) as caught:
        reader.release(given_again)
    assert caught.value.code == "access_other"
    assert not reader.out.exists()


def test_swapped_headers_of_two_documents_open_nothing(reader: ReaderStage) -> None:
    def swap(reader: ReaderStage) -> Given:
        given = reader.give(reader.item, claims=("/files/0", "/files/1", "/months_paid"))

        def swapped(body: dict[str, Any]) -> dict[str, Any]:
            one, other = body["headers"]
            return {**body, "headers": [{**one, "header": other["header"]}, {**other, "header": one["header"]}]}

        reader.lie("/release", swapped)
        return given

    assert refused(reader, swap) == "payload_chunk"


def test_a_swapped_payload_is_refused_by_its_digest(reader: ReaderStage) -> None:
    def swap(reader: ReaderStage) -> Given:
        given = reader.give(reader.item)
        other = reader.item.deposit.sealed[2].payload
        reader.lie("/payloads/", lambda _body: other)
        return given

    assert refused(reader, swap) == "payload_digest"


def test_a_log_that_shows_the_reader_another_history_is_caught(reader: ReaderStage) -> None:
    """The vault signs a second head of the size that is anchored: the reader holds the proof of it in its hand."""

    def fork(reader: ReaderStage) -> Given:
        given = reader.give(reader.item)
        head = reader.desk().facts.anchors().head
        assert head is not None
        signer = log_signer(reader)

        def other_tree(body: dict[str, Any]) -> dict[str, Any]:
            entry = unb64u(body["logged"]["entry"])
            leaves = [leaf_hash(b"another history %d" % i) for i in range(head.size - 1)] + [leaf_hash(entry)]
            levels = tree_levels(leaves)
            hashes = inclusion_proof(head.size - 1, head.size, lambda level, index: bytes(levels[level][index]))
            checkpoint = sign_checkpoint(Checkpoint(reader.vault.origin, head.size, tree_root(leaves)), signer)
            proof = TlogProof(head.size - 1, tuple(hashes), checkpoint).serialise().decode()
            return {**body, **opening(body, index=head.size - 1), "proof": proof}

        reader.lie("/release", other_tree)
        return given

    assert refused(reader, fork) == "equivocation"


def log_signer(reader: ReaderStage) -> Ed25519NoteSigner:
    """The log's own key: whoever owns the vault has it."""
    secret = bytes.fromhex(reader.vault.settings.log_key.read_text().strip())
    return Ed25519NoteSigner(reader.vault.origin, secret)


# --- a holder who cheats ------------------------------------------------------------------------------


def cooked(change: Callable[[ReaderStage, Parcel], Parcel], **given: Any) -> Attack:
    """A grant that names a parcel with something else in it."""

    def attack(reader: ReaderStage) -> Given:
        return reader.give(reader.item, cook=lambda parcel: change(reader, parcel), **given)

    return attack


def with_item(**changes: Any) -> Callable[[ReaderStage, Parcel], Parcel]:
    """The parcel's item with other members; a function makes one from the honest one."""

    def change(reader: ReaderStage, parcel: Parcel) -> Parcel:
        item = parcel.items[0]
        made = {name: value(reader, getattr(item, name)) if callable(value) else value for name, value in changes.items()}
        return replace(parcel, items=(replace(item, **made),))

    return change


def bound(reader: ReaderStage, raw: str, signer: Any, **other: str) -> str:
    """The same claims, bound by another key, to another audience or for another nonce."""
    parts = parse_sdjwt(raw)
    binding = parts.key_binding
    assert binding is not None
    said = {**binding.claims(), **other}
    return bind_key(parts.bound_part, signer, aud=said["aud"], nonce=said["nonce"], iat=said["iat"])


def own_slip(reader: ReaderStage, raw: str) -> str:
    """The slip as the holder would write it for a document of its own."""
    return sign_slip(replace(parse_slip(raw).body, iss=reader.alice.urn), reader.alice.present)


def slip_of(reader: ReaderStage, raw: str, **changes: Any) -> str:
    return sign_slip(replace(parse_slip(raw).body, **changes), THIEF)


def unsigned_claim(_reader: ReaderStage, raw: str) -> str:
    """A disclosure of the cheat's own making in the place of the issuer's, bound again."""
    import json

    parts = parse_sdjwt(raw)
    chosen = [d.raw for d in parts.disclosures if d.name != "months_paid"]
    forged = b64u(json.dumps(["c2FsdA", "months_paid", 999]).encode())
    return "~".join((parts.issuer.raw, *chosen, forged, ""))


COOKED: dict[str, tuple[Attack, str]] = {
    "sealed to another reader": (lambda r: r.give(r.item, to=r.issuer), "no_identity"),
    "a parcel for another grant": (cooked(lambda _r, p: replace(p, grant=bytes(32))), "parcel_grant"),
    "a parcel for a show": (cooked(lambda _r, p: replace(p, grant=None, show=bytes(16))), "parcel_grant"),
    "two items in one parcel": (cooked(lambda _r, p: replace(p, items=p.items * 2)), "parcel_items"),
    "another tag key": (cooked(lambda _r, p: replace(p, grant_tag_key=bytes(32))), "access_tag"),
    "no document": (cooked(with_item(documents=())), "parcel_documents"),
    "a document under another name": (
        cooked(with_item(documents=lambda _r, d: (replace(d[0], name="harmless.pdf"),))),
        "document_unnamed",
    ),
    "a document that is not of the item": (
        cooked(with_item(documents=lambda _r, d: (replace(d[0], payload=bytes(32)),))),
        "document_unnamed",
    ),
    "a document that the credential does not show": (
        lambda r: r.give(r.item, cook=lambda p: replace(p, items=(replace(p.items[0], presentation=shown(r, p, CLAIMS[1:])),))),
        "document_unnamed",
    ),
    "a claim beyond the ones named": (
        cooked(lambda r, p: replace(p, items=(replace(p.items[0], presentation=shown(r, p, (*CLAIMS, "/holder/name"))),))),
        "claims_unnamed",
    ),
    "a claim less than the ones named": (
        cooked(lambda r, p: replace(p, items=(replace(p.items[0], presentation=shown(r, p, CLAIMS[:2])),))),
        "claims_missing",
    ),
    "a presentation for another reader": (
        cooked(with_item(presentation=lambda r, t: bound(r, t, r.alice.present, aud=r.vault.urn(r.issuer)))),
        "key_binding_aud",
    ),
    "a presentation for another grant": (
        cooked(with_item(presentation=lambda r, t: bound(r, t, r.alice.present, nonce=b64u(bytes(32))))),
        "key_binding_nonce",
    ),
    "a presentation by another key": (
        cooked(with_item(presentation=lambda r, t: bound(r, t, THIEF))),
        "jws_signature",
    ),
    "a presentation without key binding": (
        cooked(with_item(presentation=lambda _r, t: parse_sdjwt(t).bound_part)),
        "key_binding_missing",
    ),
    "a claim that the issuer did not sign": (cooked(with_item(presentation=unsigned_claim)), "disclosure_unknown"),
    "another salt of the item": (cooked(with_item(salt=bytes(32))), "item_commitment"),
    "another salt of the leaf": (cooked(with_item(leaf_salt=bytes(32))), "entry_commitment"),
    "a slip by somebody else": (
        cooked(with_item(slip=slip_of)),
        "entry_commitment",
    ),
    "a slip of another item": (cooked(with_item(slip=lambda r, t: slip_of(r, t, item=bytes(32)))), "parcel_item"),
    "a slip for another dossier": (cooked(with_item(slip=lambda r, t: slip_of(r, t, dossier=bytes(32)))), "parcel_item"),
    "a slip for another log": (
        cooked(with_item(slip=lambda r, t: slip_of(r, t, aud=r.vault.origin + "-2"))),
        "wrong_audience",
    ),
    "a slip of another issuer": (
        cooked(with_item(slip=lambda r, t: slip_of(r, t, iss=r.vault.urn(r.bank)))),
        "slip_issuer",
    ),
    "an own document as if it were issued": (cooked(with_item(slip=own_slip)), "own_document"),
    "the proof of another entry": (
        cooked(with_item(proof=lambda r, _t: r.vault.get(None, "/v1/log/proof/1").text)),
        "entry_kind",
    ),
    "a forged proof": (
        cooked(with_item(proof=lambda _r, t: forged_hash({"proof": t})["proof"])),
        "inclusion_proof",
    ),
    "a proof by another log": (
        cooked(with_item(proof=lambda _r, t: foreign_checkpoint({"proof": t})["proof"])),
        "note_unsigned",
    ),
}


def shown(reader: ReaderStage, parcel: Parcel, claims: tuple[str, ...]) -> str:
    """The honest presentation with other claims in it."""
    honest = parse_sdjwt(parcel.items[0].presentation).key_binding
    assert honest is not None
    said = honest.claims()
    chosen = select_disclosures(parse_sdjwt(reader.item.credential), {*claims, "/sub"})
    return bind_key(chosen, reader.alice.present, aud=said["aud"], nonce=said["nonce"], iat=said["iat"])


@pytest.mark.parametrize(("attack", "code"), COOKED.values(), ids=COOKED)
def test_a_holder_who_hands_over_something_else_is_refused(reader: ReaderStage, attack: Attack, code: str) -> None:
    assert refused(reader, attack) == code


def test_two_tag_keys_of_one_grant_are_refused(fresh_reader: ReaderStage) -> None:
    """One would be logged where the holder looks, the other where nobody does."""
    from protocol.dcql import parse_query
    from tests.scenario_samples import QUERY

    def attack(reader: ReaderStage) -> Given:
        scenario = reader.post_scenario(scenario_id="two", query=parse_query({"credentials": QUERY["credentials"]}))
        parts = ((reader.item, "insurance", CLAIMS), (reader.issue_diploma(), "education", ("/school",)))
        keys = iter((bytes(32), b"\x01" * 32))
        return reader.give(parts=parts, scenario=scenario, cook=lambda p: replace(p, grant_tag_key=next(keys)))

    assert refused(fresh_reader, attack) == "parcel_tag_key"


# --- issuers and licences -----------------------------------------------------------------------------


def issued(use: Callable[[ReaderStage], Issued], *, claims: tuple[str, ...] = CLAIMS[1:], **given: Any) -> Attack:
    def attack(reader: ReaderStage) -> Given:
        item = use(reader)
        reader.anchor()
        return reader.give(item, claims=claims, **given)

    return attack


def governor(reader: ReaderStage) -> Any:
    return reader.chain.ledger(reader.vault.governor.address)


def after_the_role_ended(reader: ReaderStage) -> Issued:
    """Deposited while the issuer was one, anchored after it had ceased to be: the chain's time counts."""
    item = reader.issue()
    governor(reader).end_role(reader.issuer.address, 1)
    reader.vault.clock.advance(60)
    return item


def after_the_type_ended(reader: ReaderStage) -> Issued:
    item = reader.issue()
    governor(reader).end_issue(reader.issuer.address, "social-insurance-proof")
    reader.vault.clock.advance(60)
    return item


def after_the_key_was_stolen(reader: ReaderStage) -> Issued:
    item = reader.issue()
    reader.chain.ledger(reader.issuer.address).set_compromised(1, reader.vault.clock.now())
    return item


def of_a_type_it_may_not_issue(reader: ReaderStage) -> Issued:
    other = reader.vault.agency("school", 1, division="school", types=("diploma",))
    return reader.issue(issuer=other)


def with_status(status: int) -> Callable[[ReaderStage], Issued]:
    def use(reader: ReaderStage) -> Issued:
        item = reader.issue()
        reader.lists.set(item.status_index, status)
        reader.publish_status()
        return item

    return use


def with_status_of_another(reader: ReaderStage) -> Issued:
    """Another issuer's clean list in the place of this one's."""
    from protocol.status_list import sign_status_token, status_uri

    item = reader.issue()
    other = reader.vault.agency("another", 1, division="hr-bureau", types=("social-insurance-proof",))
    token = reader.lists.token(
        iss=reader.vault.urn(other), uri=status_uri(other.address, 0), iat=reader.clock.now(), lifetime_s=3600
    )
    raw = sign_status_token(token, reader.issuer.present)
    reader.lie("/status-lists/", lambda _body: raw.encode())
    return item


ISSUED: dict[str, tuple[Attack, str]] = {
    "an issuer whose role had ended": (issued(after_the_role_ended), "issuer_not_allowed"),
    "an issuer whose licence type had ended": (issued(after_the_type_ended), "issuer_not_allowed"),
    "a type that the issuer may not issue": (issued(of_a_type_it_may_not_issue), "issuer_not_allowed"),
    "a key that was stolen": (issued(after_the_key_was_stolen), "agency_compromised"),
    "a revoked credential": (issued(with_status(1)), "credential_invalid"),
    "a suspended credential": (issued(with_status(2)), "credential_suspended"),
    "a status list of another issuer": (issued(with_status_of_another), "status_uri"),
    "a credential older than asked for": (
        issued(lambda r: r.issue(issued_at=r.clock.now() - 91 * 86_400)),
        "credential_too_old",
    ),
    "a credential of another type than the query": (
        issued(lambda r: r.issue_diploma(), claims=("/holder/name",)),
        "scenario_type",
    ),
}


@pytest.mark.parametrize(("attack", "code"), ISSUED.values(), ids=ISSUED)
def test_an_issuer_without_the_right_and_a_licence_without_force_are_refused(
    fresh_reader: ReaderStage, attack: Attack, code: str
) -> None:
    assert refused(fresh_reader, attack) == code


def test_a_status_list_of_yesterday_accepts_nothing(fresh_reader: ReaderStage) -> None:
    """Stale is not revoked: the verdict is open, and so says the folder."""
    given = fresh_reader.give(fresh_reader.item)
    fresh_reader.vault.clock.advance(3601)
    fresh_reader.vault.follow()

    done = fresh_reader.release(given)

    assert done.outcome.verdict == "indeterminate"
    check = done.outcome.items[0].verdict.check("status")
    assert check is not None
    assert (check.status, check.code) == ("unknown", "facts_stale")


def test_a_credential_under_correction_is_neither_accepted_nor_rejected(fresh_reader: ReaderStage) -> None:
    fresh_reader.lists.set(fresh_reader.item.status_index, 3)
    fresh_reader.publish_status()

    assert fresh_reader.release(fresh_reader.give(fresh_reader.item)).outcome.verdict == "indeterminate"


def test_a_key_card_of_somebody_else_binds_nothing(reader: ReaderStage) -> None:
    """Whose key it is can't be told without the holder's card: unknown, and not accepted."""
    bob = reader.vault.holder("bob")

    done = reader.release(reader.give(reader.item, cook=lambda p: replace(p, card=bob.envelopes[-1].to_json())))

    assert done.outcome.verdict == "indeterminate"


# --- a vault that was bribed to let a grant pass --------------------------------------------------------


def bribed(change: Callable[[ReaderStage, GrantEnvelope], GrantEnvelope]) -> Attack:
    """The vault shows another envelope under the grant's id, and says that it holds."""

    def attack(reader: ReaderStage) -> Given:
        given = reader.give(reader.item)
        other = change(reader, given.envelope)
        path = f"/v1/grants/{given.id}"
        reader.lie(path, lambda body: {**body, "envelope": other.to_json()} if "envelope" in body else body)
        return given

    return attack


def signed_anew(reader: ReaderStage, envelope: GrantEnvelope, **changes: Any) -> GrantEnvelope:
    """The holder signs something else under the same id."""
    grant = replace(envelope.message, **changes)
    digest = grant.digest(reader.vault.vault.grant_domain)
    return GrantEnvelope.of(grant, reader.alice.account.sign_digest(digest))


def altered(**changes: Any) -> Callable[[ReaderStage, GrantEnvelope], GrantEnvelope]:
    """Other words under the old signature."""
    return lambda _r, e: GrantEnvelope.of(replace(e.message, **changes), e.signature)


def over_asking(reader: ReaderStage, envelope: GrantEnvelope) -> GrantEnvelope:
    part = replace(envelope.message.scope[0], claims=("/holder/identity_number", *CLAIMS[1:]))
    return signed_anew(reader, envelope, scope=(part,))


BRIBED: dict[str, tuple[Attack, str]] = {
    "more uses than were signed for": (bribed(altered(max_uses=99)), "signature"),
    "a longer time than was signed for": (bribed(altered(not_after=1_900_000_000)), "signature"),
    "another agency": (bribed(altered(agency=bytes(20))), "signature"),
    "more than the scenario allows": (bribed(over_asking), "over_asking"),
    "more uses than the scenario allows": (bribed(lambda r, e: signed_anew(r, e, max_uses=4)), "grant_exceeds_scenario"),
    "another log": (bribed(lambda r, e: signed_anew(r, e, log=bytes(32))), "grant_log"),
    "an epoch that has not come": (bribed(lambda r, e: signed_anew(r, e, grant_epoch=7)), "grant_epoch"),
    "a grant that is over": (
        bribed(lambda r, e: signed_anew(r, e, not_before=1, not_after=2)),
        "grant_expired",
    ),
    "a grant to another agency": (bribed(lambda r, e: signed_anew(r, e, agency=r.issuer.address)), "grant_agency"),
    "a grant of a stranger": (
        bribed(lambda r, e: GrantEnvelope.of(replace(e.message, grantor=r.bank.address), r.bank.account.sign_digest(
            replace(e.message, grantor=r.bank.address).digest(r.vault.vault.grant_domain)))),
        "not_controller",
    ),
    "a grant of another id": (bribed(lambda r, e: signed_anew(r, e, grant_id=b"\x09" * 32)), "grant_other"),
}  # fmt: skip


@pytest.mark.parametrize(("attack", "code"), BRIBED.values(), ids=BRIBED)
def test_a_grant_that_does_not_hold_is_refused_before_a_receipt_is_signed(
    reader: ReaderStage, attack: Attack, code: str
) -> None:
    before = reader.posts("/release")

    assert refused(reader, attack) == code
    assert reader.posts("/release") == before
    assert reader.uses() == []


def test_a_grant_whose_epoch_ended_on_chain_alone_is_not_used(fresh_reader: ReaderStage) -> None:
    from protocol.dossier_messages import BumpEpoch

    reader = fresh_reader
    given = reader.give(reader.item)
    message = BumpEpoch(reader.alice.dossier, 0, 4_000_000_000)
    signature = reader.alice.account.sign_digest(message.digest(reader.vault.vault.dossier_domain))
    reader.chain.ledger(reader.alice.address).bump_epoch(message, signature)

    assert refused(reader, lambda _reader: given) == "grant_epoch"
    assert reader.posts("/release") == 0


def told_of(reader: ReaderStage, scenario: str) -> None:
    """The vault serves a scenario that nobody brought to it."""

    def tell(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if not request.url.path.startswith("/v1/scenarios/"):
            return answer
        row = {"hash": b64u(sha256(scenario.encode())), "scenario": scenario, "index": 1}
        return httpx2.Response(200, json=row)

    reader.bridge.lies.append(tell)


def under(scenario: Callable[[ReaderStage], str]) -> Attack:
    """A grant that the holder signed for a scenario of somebody's own making."""

    def attack(reader: ReaderStage) -> Given:
        made = scenario(reader)
        told_of(reader, made)
        return bribed(lambda r, e: signed_anew(r, e, scenario=sha256(made.encode())))(reader)

    return attack


def wide(reader: ReaderStage, **changes: Any) -> Scenario:
    return replace(reader.vault.a_scenario(reader.authority, max_uses=1_000), **changes)


SCENARIOS: dict[str, tuple[Attack, str]] = {
    "by a key that no card holds": (under(lambda r: sign_scenario(wide(r), THIEF)), "card_not_here"),
    "by an agency that is no authority": (
        under(lambda r: sign_scenario(wide(r, authority=r.vault.urn(r.bank)), r.bank.present)),
        "scenario_authority",
    ),
    "by an agency of another registry": (
        under(
            lambda r: sign_scenario(
                wide(r, authority=agency_urn(1, bytes(20), r.authority.address)), r.authority.present
            )
        ),
        "scenario_registry",
    ),
    "by an agency that nobody admitted": (
        under(
            lambda r: sign_scenario(
                wide(r, authority=r.vault.urn(r.bank).replace(r.bank.address.hex(), "aa" * 20)), THIEF
            )
        ),
        "agency_unknown",
    ),
    "that is over": (
        under(lambda r: sign_scenario(wide(r, effective=1, expires=2), r.authority.present)),
        "scenario_not_in_force",
    ),
    "for other agencies": (
        under(lambda r: sign_scenario(wide(r, grantee_classes=("police",)), r.authority.present)),
        "scenario_grantee",
    ),
    "with another purpose": (
        under(lambda r: sign_scenario(wide(r, purpose=Title("别的", "Something else")), r.authority.present)),
        "grant_purpose",
    ),
}


@pytest.mark.parametrize(("attack", "code"), SCENARIOS.values(), ids=SCENARIOS)
def test_a_scenario_is_believed_for_its_authority_and_not_for_the_vault(
    reader: ReaderStage, attack: Attack, code: str
) -> None:
    assert refused(reader, attack) == code


def test_a_log_that_serves_other_entries_proves_nothing(reader: ReaderStage) -> None:
    """Whoever serves the log's bundles may write what he likes into them: each entry must hash to the anchored head."""

    def attack(reader: ReaderStage) -> Given:
        given = reader.give(reader.item)
        reader.lie("/log/tile/entries", lambda raw: raw.replace(b'"t":"issue"', b'"t":"other"'))
        return given

    assert refused(reader, attack) == "inclusion_proof"
