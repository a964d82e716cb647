"""A use verified again from its folder: in a year, after a revocation, after somebody has been at it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agency_cli.services.review import Review, review, upgrade
from protocol.dossier_messages import BumpEpoch, RotateDossier
from protocol.errors import Denied, OneFileError, Unavailable
from protocol.facts import Anchor
from tests.reader_stage import PDF, ReaderStage
from tests.vault_stage import Party

FAR = 4_000_000_000


def look(reader: ReaderStage, folder: Path | None = None, **how: Any) -> Review:
    return review(reader.session, reader.desk(), folder or reader.out, **how)


def verdict(reader: ReaderStage, **how: Any) -> str:
    return look(reader, **how).outcome.verdict


def test_a_folder_is_accepted_as_evidence(reader: ReaderStage) -> None:
    done = reader.release(reader.give(reader.item))

    found = look(reader)

    assert found.outcome.verdict == "accept"
    assert (found.record.use_no, found.record.at) == (done.use.use_no, done.use.at)


def test_a_folder_is_verified_without_the_vault_once_its_proofs_are_anchored(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    reader.release(reader.give(reader.item))
    reader.anchor()
    desk = reader.desk()
    assert upgrade(reader.session, desk, reader.out, look(reader))
    reader.bridge.down = True

    assert verdict(reader) == "accept"


def test_a_use_stays_in_order_when_the_grant_is_revoked_later(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    given = reader.give(reader.item)
    reader.release(given)
    reader.pass_time(60)
    reader.revoke(given)
    reader.chain.ledger(reader.alice.address).revoke(given.secret)

    assert verdict(reader) == "accept"
    now = look(reader, now=True)
    assert now.outcome.verdict == "reject"
    assert "grant_revoked" in now.outcome.failed_codes


def test_a_use_stays_in_order_when_the_grant_has_run_out(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    reader.release(reader.give(reader.item))
    reader.pass_time(8 * 86_400)

    assert verdict(reader) == "accept"
    assert "grant_expired" in look(reader, now=True).outcome.failed_codes


def test_a_use_stays_in_order_when_the_epoch_ends_later(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    reader.release(reader.give(reader.item))
    reader.pass_time(60)
    message = BumpEpoch(reader.alice.dossier, 0, FAR)
    signature = reader.alice.account.sign_digest(message.digest(reader.vault.vault.dossier_domain))
    reader.chain.ledger(reader.alice.address).bump_epoch(message, signature)

    assert verdict(reader) == "accept"
    assert "grant_epoch" in look(reader, now=True).outcome.failed_codes


def test_a_use_stays_in_order_when_our_key_card_is_renewed_and_the_old_one_revoked(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    reader.release(reader.give(reader.item))
    reader.pass_time(60)
    reader.vault.publish_agency_card(reader.bank)
    reader.chain.ledger(reader.bank.address).set_compromised(1, reader.clock.now())
    reader.session.save_party(reader.session.party.with_changes(card_seq=2))

    assert verdict(reader) == "accept"


def test_a_use_of_a_licence_that_was_revoked_later_stays_in_order(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    reader.release(reader.give(reader.item))
    reader.lists.set(reader.item.status_index, 1)
    reader.publish_status()

    assert verdict(reader) == "accept"
    assert "credential_invalid" in look(reader, now=True).outcome.failed_codes


def test_control_that_was_given_away_before_the_use_leaves_the_signature_open(fresh_reader: ReaderStage) -> None:
    """The vault said when the grant was posted; in a folder nobody says it."""
    reader = fresh_reader
    given = reader.give(reader.item)
    reader.pass_time(60)
    heir = Party("heir")
    message = RotateDossier(reader.alice.dossier, heir.address, heir.address, 0, FAR)
    signature = reader.alice.account.sign_digest(message.digest(reader.vault.vault.dossier_domain))
    reader.chain.ledger(reader.alice.address).rotate_dossier(message, signature)
    reader.vault.follow()
    assert reader.release(given).outcome.verdict == "accept"

    found = look(reader)

    assert found.outcome.verdict == "indeterminate"
    check = found.outcome.items[0].verdict.check("grant_signature")
    assert check is not None
    assert (check.status, check.code) == ("unknown", "grant_posted_unproven")


def test_an_item_that_is_not_anchored_yet_is_no_evidence(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    late = reader.issue(PDF)
    reader.release(reader.give(late))

    assert verdict(reader) == "indeterminate"
    assert verdict(reader, policy="window") == "accept"
    assert not upgrade(reader.session, reader.desk(), reader.out, look(reader))

    reader.anchor()
    assert verdict(reader) == "accept"
    assert upgrade(reader.session, reader.desk(), reader.out, look(reader))
    assert upgrade(reader.session, reader.desk(), reader.out, look(reader)), "and once more changes nothing"


def test_a_show_is_verified_again_like_a_use(reader: ReaderStage) -> None:
    from tests.unit.agency_cli.test_scan import answering

    session, code = reader.open_show()
    answering(reader, session)
    reader.scan(code, out=reader.out)

    assert verdict(reader) == "accept"


def test_proofs_under_heads_that_were_never_anchored_are_replaced(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    reader.release(reader.give(reader.issue(PDF)))
    before = (reader.out / "proof.tlog-proof").read_bytes()
    reader.issue()
    reader.anchor()
    assert verdict(reader) == "accept", "the vault ties the old proof to the anchored head"

    assert upgrade(reader.session, reader.desk(), reader.out, look(reader))

    assert (reader.out / "proof.tlog-proof").read_bytes() != before
    reader.bridge.down = True
    assert verdict(reader) == "accept", "and now nobody needs to"


def test_a_folder_of_a_show_with_two_parcels_is_none(reader: ReaderStage) -> None:
    from tests.unit.agency_cli.test_scan import answering

    session, code = reader.open_show()
    answering(reader, session)
    reader.scan(code, out=reader.out)
    shutil.copy(reader.out / "parcel-1.age", reader.out / "parcel-2.age")
    use_json(parcels=2)(reader.out)

    assert said_of(reader) == "use_parcels"


# --- folders that somebody has been at ---------------------------------------------------------------------


def rewritten(path: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda folder: (folder / path).write_bytes(change((folder / path).read_bytes())) and None


def claim_changed(raw: bytes) -> bytes:
    value = json.loads(raw)
    value["items"][0]["claims"]["/months_paid"] = 999
    return json.dumps(value).encode()


def use_json(**changes: Any) -> Callable[[Path], None]:
    return rewritten("use.json", lambda raw: json.dumps({**json.loads(raw), **changes}).encode())


def flip(raw: bytes) -> bytes:
    return raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:]


def one_more_item(folder: Path) -> None:
    shutil.copytree(folder / "items/1", folder / "items/2")
    use_json(items=2)(folder)


CHANGED: dict[str, tuple[Callable[[Path], None], str]] = {
    "a claim": (rewritten("claims.json", claim_changed), "claims_changed"),
    "a document": (rewritten("documents/1/证明.pdf", flip), "document_other"),
    "a longer document": (rewritten("documents/1/证明.pdf", lambda raw: raw + b" "), "document_other"),
    "a document that is gone": (lambda f: (f / "documents/1/证明.pdf").unlink(), "document_missing"),
    "a parcel": (rewritten("parcel-1.age", flip), "parcel_other"),
    "a parcel that is gone": (lambda f: (f / "parcel-1.age").unlink(), "use_incomplete"),
    "the receipt": (rewritten("receipt.jws", lambda raw: raw[:-3] + (b"AAA" if raw[-3:] != b"AAA" else b"BBB")), "*"),
    "the record": (rewritten("record.json", lambda raw: raw.replace(b'"use_no":', b'"use_no":1')), "*"),
    "the entry": (rewritten("entry.json", lambda raw: raw.replace(b'"t":"access"', b'"t":"accesz"')), "*"),
    "the opening": (lambda f: (f / "opening.json").write_text("{}"), "field_missing"),
    "the proof": (rewritten("proof.tlog-proof", lambda raw: raw.replace(b"index ", b"index 1")), "*"),
    "the grant": (rewritten("grant.json", lambda raw: raw.replace(b'"maxUses":3', b'"maxUses":9')), "reject"),
    "the grant that is gone": (lambda f: (f / "grant.json").unlink(), "parcel_show"),
    "the scenario": (rewritten("scenario.jws", lambda raw: raw[:-3] + (b"AAA" if raw[-3:] != b"AAA" else b"BBB")), "*"),
    "an item's entry": (rewritten("items/1/entry.json", lambda raw: raw.replace(b"issue", b"other")), "reject"),
    "an item's proof": (rewritten("items/1/proof.tlog-proof", lambda raw: raw.replace(b"index ", b"index 1")), "reject"),
    "the status list": (rewritten("items/1/status.jwt", flip), "reject"),
    "the number of items": (use_json(items=2), "use_incomplete"),
    "an item too many": (
        one_more_item,
        "use_items",
    ),
    "a key card that is none": (lambda f: (f / "cards.json").write_text('{"v":1,"cards":[{}]}') and None, "key_card_envelope"),
    "fewer items": (use_json(items=1, parcels=2), "use_incomplete"),
    "the version": (use_json(v=2), "field_range"),
    "no use at all": (lambda f: (f / "use.json").unlink(), "use_not_found"),
}


def said_of(reader: ReaderStage) -> str:
    """The verdict, or the code of the refusal."""
    try:
        return verdict(reader)
    except OneFileError as error:
        return error.code


@pytest.mark.parametrize(("change", "code"), CHANGED.values(), ids=CHANGED)
def test_a_folder_that_was_changed_is_not_accepted(
    reader: ReaderStage, change: Callable[[Path], None], code: str
) -> None:
    reader.release(reader.give(reader.item))
    change(reader.out)

    came_to = said_of(reader)

    assert came_to == code or (code == "*" and came_to not in {"accept", "indeterminate"})


def test_a_status_list_that_is_gone_leaves_the_use_open(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    reader.release(reader.give(reader.item))
    (reader.out / "items/1/status.jwt").unlink()
    reader.pass_time(7200)
    reader.publish_status()

    assert verdict(reader) == "indeterminate"


def test_the_copies_for_people_are_not_what_is_verified(reader: ReaderStage) -> None:
    reader.release(reader.give(reader.item))
    (reader.out / "verdict.json").write_text("lies")
    (reader.out / "items/1/presentation.sd-jwt").write_text("lies")
    (reader.out / "checkpoint").unlink()

    assert verdict(reader) == "accept"


def test_another_agency_cannot_pass_a_folder_off_as_its_own(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    reader.release(reader.give(reader.item))
    other = reader.open_session(reader.vault.bank("other bank"), "other")
    from client.checks import open_desk

    with pytest.raises(OneFileError) as caught:
        review(other, open_desk(other), reader.out)
    assert caught.value.code == "receipt_issuer"


def test_the_folder_of_another_use_does_not_lend_its_log_entry(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    given = reader.give(reader.item)
    reader.release(given, out=reader.folder / "one")
    reader.release(given, out=reader.folder / "two")
    for name in ("record.json", "entry.json", "opening.json", "proof.tlog-proof"):
        shutil.copy(reader.folder / "one" / name, reader.folder / "two" / name)

    with pytest.raises(OneFileError) as caught:
        look(reader, reader.folder / "two")
    assert caught.value.code == "access_other"


def test_a_receipt_by_a_card_that_is_not_ours_is_refused(reader: ReaderStage) -> None:
    from protocol.receipts import parse_receipt, sign_receipt

    reader.release(reader.give(reader.item))
    path = reader.out / "receipt.jws"
    body = parse_receipt(path.read_bytes()).body
    path.write_text(sign_receipt(replace(body, card=bytes(32)), reader.bank.present))

    with pytest.raises(OneFileError) as caught:
        look(reader)
    assert caught.value.code == "receipt_card"


def test_a_receipt_for_another_grant_or_scenario_is_refused(reader: ReaderStage) -> None:
    from protocol.receipts import parse_receipt, sign_receipt

    reader.release(reader.give(reader.item))
    path = reader.out / "receipt.jws"
    body = parse_receipt(path.read_bytes()).body
    path.write_text(sign_receipt(replace(body, grant=bytes(32)), reader.bank.present))
    assert said_of(reader) == "receipt_grant"
    path.write_text(sign_receipt(replace(body, scenario=bytes(32)), reader.bank.present))
    assert said_of(reader) == "access_other"


def test_another_scenario_in_the_folder_is_not_the_one_of_the_use(reader: ReaderStage) -> None:
    reader.release(reader.give(reader.item))
    (reader.out / "scenario.jws").write_text(reader.post_scenario(scenario_id="somewhere-else"))

    assert said_of(reader) == "receipt_scenario"


def test_without_the_chain_nothing_is_said(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    reader.release(reader.give(reader.item))
    desk = reader.desk()
    reader.chain.faults.fail("dossier_history", times=9)

    with pytest.raises(Unavailable):
        review(reader.session, desk, reader.out)


def test_a_folder_of_something_else_is_no_use(reader: ReaderStage, tmp_path: Path) -> None:
    with pytest.raises(Denied) as caught:
        look(reader, tmp_path)
    assert caught.value.code == "use_not_found"


def test_a_newer_proof_under_another_head_is_not_taken(fresh_reader: ReaderStage) -> None:
    reader = fresh_reader
    reader.release(reader.give(reader.item))
    found = look(reader)
    before = (reader.out / "proof.tlog-proof").read_bytes()
    reader.issue()
    reader.anchor()
    other = reader.vault.get(None, "/v1/log/proof/1").text.encode()

    for lie in (before, other):
        reader.bridge.lies.clear()
        reader.lie("/log/proof/", lambda _raw, lie=lie: lie)
        with pytest.raises(OneFileError) as caught:
            upgrade(reader.session, reader.desk(), reader.out, found)
        assert caught.value.fault in {"untrusted", "malformed"}
    assert (reader.out / "proof.tlog-proof").read_bytes() == before


def test_a_log_that_anchors_another_history_than_it_showed_is_caught(fresh_reader: ReaderStage) -> None:
    """The day after: the checkpoint that the reader keeps must lead to the head that was anchored."""
    reader = fresh_reader
    reader.release(reader.give(reader.item))
    desk = reader.desk()
    anchors = desk.facts.anchors()
    size = json.loads((reader.out / "opening.json").read_text())["index"] + 1
    forged = replace(anchors, anchors=(Anchor(size, bytes(32), reader.clock.now(), 9),))

    class OtherChain:
        """The chain as it would be if the log had anchored something else."""

        def __getattr__(self, name: str) -> Any:
            return getattr(reader.desk().facts, name)

        def anchors(self) -> Any:
            return forged

    desk.facts = OtherChain()
    with pytest.raises(OneFileError) as caught:
        review(reader.session, desk, reader.out)
    assert caught.value.code == "equivocation"
