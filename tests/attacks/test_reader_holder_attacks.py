"""What a cheating holder can do to a reader, or a thief in its place: each is refused by name.

Every row is one lie in an otherwise honest use. After each of them the reader has no folder, whatever it was handed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from protocol.encoding import b64u
from protocol.parcel import Parcel
from protocol.sdjwt import parse_sdjwt
from protocol.sdjwt_present import bind_key, select_disclosures
from protocol.slips import parse_slip, sign_slip
from tests.reader_lies import THIEF, Attack, foreign_checkpoint, forged_hash, refused
from tests.reader_stage import CLAIMS, Given, ReaderStage


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


def test_a_key_card_of_somebody_else_binds_nothing(reader: ReaderStage) -> None:
    """Whose key it is can't be told without the holder's card: unknown, and not accepted."""
    bob = reader.vault.holder("bob")

    done = reader.release(reader.give(reader.item, cook=lambda p: replace(p, card=bob.envelopes[-1].to_json())))

    assert done.outcome.verdict == "indeterminate"
