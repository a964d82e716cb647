"""Opening, key cards and relay: what parties bring about themselves, and who may."""

from __future__ import annotations

from typing import Any

from chain.garbage import unreachable
from protocol.dossier_messages import BumpEpoch, OpenDossier, RotateDossier
from protocol.encoding import b64u, hex0x, unb64u
from protocol.errors import Unavailable
from protocol.hashing import keccak256, sha256
from protocol.identifiers import agency_subject
from tests.vault_stage import FAR, HOUR, Holder, Party, VaultStage, refused, unchanged

# --- dossiers and cards ---------------------------------------------------------------------------


def test_a_dossier_is_taken_when_it_is_open_on_chain(stage: VaultStage) -> None:
    alice = Holder(stage, "alice")
    with unchanged(stage):
        refused(alice.open(on_chain=False), 404, "dossier_unknown")
    alice.cards.clear()
    answer = alice.open()
    assert answer.status_code == 201
    assert answer.json()["opening"]["t"] == "key"
    assert unb64u(answer.json()["object"]) == alice.envelopes[-1].raw


def test_a_dossier_is_taken_once(stage: VaultStage) -> None:
    alice = stage.holder()
    body = {
        "dossier": hex0x(alice.dossier),
        "card": alice.envelopes[0].to_json(),
        "tag_key": b64u(bytes(32)),
    }
    with unchanged(stage):
        refused(stage.post(alice, "/v1/dossiers", body), 409, "dossier_exists")


def test_a_dossier_is_not_opened_by_who_lacks_the_present_key(stage: VaultStage) -> None:
    alice, thief = Holder(stage, "alice"), Party("thief")
    opened = alice.open
    original = stage.post

    def as_thief(_party: Any, path: str, body: Any) -> Any:
        return original(thief, path, body)

    stage.post = as_thief  # type: ignore[method-assign]  # the test puts its own in the place
    with unchanged(stage):
        refused(opened(), 401, "signature_wrong")


def test_a_card_of_another_subject_is_refused(stage: VaultStage) -> None:
    alice, bob = stage.holder(), stage.holder("bob")
    body = {"dossier": hex0x(bob.dossier), "card": alice.envelopes[0].to_json(), "tag_key": b64u(bytes(32))}
    with unchanged(stage):
        refused(stage.post(alice, "/v1/dossiers", body), 422, "card_subject")
        assert stage.post(alice, "/v1/dossiers", body | {"card": {"v": 1}}).status_code == 400


def test_the_next_card_is_taken_by_the_old_or_the_new_key_and_logged(stage: VaultStage) -> None:
    alice = stage.holder()
    for signer in ("old", "new"):
        old = alice.present
        envelope = alice.make_card(alice.dossier, stage.vault.dossier_domain, stage.clock.now())
        ledger = stage.chain.ledger(stage.relayer.address)
        ledger.publish_dossier_card(envelope.card, envelope.account_signature)
        stage.follow()
        body = {"card": envelope.to_json()}
        answer = stage.put(alice, "/v1/me/card", body, signer=old if signer == "old" else None)
        assert answer.status_code == 200, answer.text
    kinds = [row["logged"]["opening"]["t"] for row in stage.get(alice, "/v1/me/log").json()["rows"]]
    assert kinds == ["key", "key", "key"]
    found = stage.post(None, "/v1/cards/query", {"subject": hex0x(alice.dossier)}).json()
    assert found["card"] == envelope.to_json()


def test_a_card_that_the_registry_does_not_keep_is_refused(stage: VaultStage) -> None:
    alice = stage.holder()
    envelope = alice.make_card(alice.dossier, stage.vault.dossier_domain, stage.clock.now())
    with unchanged(stage):
        refused(stage.put(alice, "/v1/me/card", {"card": envelope.to_json()}), 422, "card_signature")


def test_a_former_card_or_one_twice_is_refused(stage: VaultStage) -> None:
    alice = stage.holder()
    first = alice.envelopes[0]
    with unchanged(stage):
        refused(stage.put(alice, "/v1/me/card", {"card": first.to_json()}), 409, "card_exists")
    old = alice.present
    envelope = alice.make_card(alice.dossier, stage.vault.dossier_domain, stage.clock.now())
    ledger = stage.chain.ledger(stage.relayer.address)
    ledger.publish_dossier_card(envelope.card, envelope.account_signature)
    stage.follow()
    with unchanged(stage):
        answer = stage.put(alice, "/v1/me/card", {"card": first.to_json()}, signer=old)
        assert answer.status_code in {409, 422}, answer.text


def test_a_new_card_signed_by_a_stranger_is_refused(stage: VaultStage) -> None:
    alice, bob = stage.holder(), stage.holder("bob")
    envelope = alice.make_card(alice.dossier, stage.vault.dossier_domain, stage.clock.now())
    ledger = stage.chain.ledger(stage.relayer.address)
    ledger.publish_dossier_card(envelope.card, envelope.account_signature)
    stage.follow()
    with unchanged(stage):
        refused(stage.put(bob, "/v1/me/card", {"card": envelope.to_json()}), 401, "signature_wrong")


def test_an_unknown_subject_has_no_card(stage: VaultStage) -> None:
    refused(stage.post(None, "/v1/cards/query", {"subject": "0x" + "00" * 32}), 404, "card_unknown")
    refused(stage.post(None, "/v1/cards/query", {"subject": "0x00"}), 400, "request")


def test_a_first_card_of_a_party_without_a_former_one_needs_its_own_key(stage: VaultStage) -> None:
    carol = Holder(stage, "carol")
    carol.cards.clear()
    envelope = carol.make_card(carol.dossier, stage.vault.dossier_domain, stage.clock.now())
    message = OpenDossier(carol.address, carol.address, carol.salt, FAR)
    digest = message.digest(stage.vault.dossier_domain)
    stage.chain.ledger(stage.relayer.address).open_dossier(
        message, carol.account.sign_digest(digest), envelope.card, envelope.account_signature
    )
    stage.follow()
    with unchanged(stage):
        answer = stage.put(Party("thief"), "/v1/me/card", {"card": envelope.to_json()})
        refused(answer, 401, "signature_key_unknown")
        refused(stage.put(carol, "/v1/me/card", {"card": envelope.to_json()}), 404, "dossier_unknown")


# --- relay ----------------------------------------------------------------------------------------


def open_message(stage: VaultStage, name: str = "alice") -> tuple[Holder, dict[str, Any]]:
    alice = Holder(stage, name)
    domain = stage.vault.dossier_domain
    envelope = alice.make_card(alice.dossier, domain, stage.clock.now())
    message = OpenDossier(alice.address, alice.address, alice.salt, FAR)
    body = {
        "contract": "dossier_registry",
        "function": "open",
        "message": message.to_json(),
        "signatures": [
            hex0x(alice.account.sign_digest(message.digest(domain))),
            hex0x(envelope.account_signature),
        ],
        "card": envelope.to_json(),
    }
    return alice, body


def test_everything_that_a_dossier_needs_is_relayed(stage: VaultStage) -> None:
    alice, body = open_message(stage)
    answer = stage.post(alice, "/v1/relay", body)
    assert answer.status_code == 200, answer.text
    stage.follow()
    opened = {"dossier": hex0x(alice.dossier), "card": body["card"], "tag_key": b64u(alice.tag_key)}
    assert stage.post(alice, "/v1/dossiers", opened).status_code == 201
    domain = stage.vault.dossier_domain

    def relayed(
        function: str, message: dict[str, Any], *signatures: bytes, contract: str = "dossier_registry"
    ) -> None:
        sent = {"contract": contract, "function": function, "message": message}
        said = stage.post(alice, "/v1/relay", {**sent, "signatures": [hex0x(s) for s in signatures]})
        assert said.status_code == 200, said.text

    bump = BumpEpoch(alice.dossier, 0, FAR)
    relayed("bump_epoch", bump.to_json(), alice.account.sign_digest(bump.digest(domain)))
    digest = sha256(b"anything")
    signed = alice.account.sign_digest(digest)
    relayed("attest", {"dossier": hex0x(alice.dossier), "digest": hex0x(digest)}, signed)
    relayed("revoke", {"secret": hex0x(sha256(b"secret"))}, contract="grant_registry")
    rotate = RotateDossier(alice.dossier, alice.address, b"\x05" * 20, 1, FAR)
    relayed("rotate", rotate.to_json(), alice.account.sign_digest(rotate.digest(domain)))
    ledger = stage.chain.ledger(stage.relayer.address)
    state = ledger.dossier(alice.dossier)
    assert state is not None
    assert (state.grant_epoch, state.controller) == (2, b"\x05" * 20)
    assert ledger.attested_at(alice.dossier, digest) is not None
    assert ledger.nullified_at(keccak256(sha256(b"secret"))) is not None


def test_cards_are_relayed_for_dossiers_and_agencies(stage: VaultStage) -> None:
    alice, bank = stage.holder(), stage.agency("new bank", 2, card=False)
    for party, contract, subject, domain in (
        (alice, "dossier_registry", alice.dossier, stage.vault.dossier_domain),
        (bank, "agency_registry", agency_subject(bank.address), stage.vault.agency_domain),
    ):
        envelope = party.make_card(subject, domain, stage.clock.now())
        body = {
            "contract": contract,
            "function": "publish_card",
            "message": envelope.card.to_json(),
            "signatures": [hex0x(envelope.account_signature)],
            "card": envelope.to_json(),
        }
        answer = stage.post(party, "/v1/relay", body)
        assert answer.status_code == 200, answer.text
    card = {"card": bank.envelopes[-1].to_json()}
    assert stage.put(bank, f"/v1/agencies/{hex0x(bank.address)}/card", card).status_code == 200
    assert stage.put(alice, "/v1/me/card", {"card": alice.envelopes[-1].to_json()}).status_code == 200


def test_the_same_relay_again_has_the_same_answer_and_sends_nothing(stage: VaultStage) -> None:
    alice, body = open_message(stage)
    key = b64u(bytes(16))
    first = stage.post(alice, "/v1/relay", body, key=key)
    block = stage.chain.head.number
    second = stage.post(alice, "/v1/relay", body, key=key)
    assert first.json() == second.json()
    assert stage.chain.head.number == block


def test_only_our_own_functions_are_relayed(stage: VaultStage) -> None:
    alice, body = open_message(stage)
    for changes, status, code in (
        ({"contract": "grant_registry"}, 403, "relay_function"),
        ({"contract": "archive_log"}, 400, "request"),
        ({"function": "transfer"}, 400, "request"),
        ({"signatures": body["signatures"][:1]}, 400, "relay_signatures"),
        ({"signatures": ["0x00"] * 17}, 400, "request"),
    ):
        with unchanged(stage):
            refused(stage.post(alice, "/v1/relay", {**body, **changes}), status, code)


def test_a_relay_without_a_known_key_is_refused(stage: VaultStage) -> None:
    alice, body = open_message(stage)
    with unchanged(stage):
        plain = {"contract": "grant_registry", "function": "revoke", "message": {"secret": "0x" + "11" * 32}}
        answer = stage.post(alice, "/v1/relay", {**plain, "signatures": []})
        refused(answer, 401, "signature_key_unknown")
        refused(stage.post(Party("thief"), "/v1/relay", body), 401, "signature_wrong")
        refused(stage.post(None, "/v1/relay", body), 401, "signature_missing")


def test_an_open_without_its_card_is_refused(stage: VaultStage) -> None:
    alice = stage.holder()
    _bob, body = open_message(stage, "bob")
    answer = stage.post(alice, "/v1/relay", {**body, "card": None})
    refused(answer, 400, "relay_card")


def test_what_the_contract_refuses_is_told(stage: VaultStage) -> None:
    alice, body = open_message(stage)
    body["signatures"][0] = "0x" + "11" * 64 + "1b"
    answer = stage.post(alice, "/v1/relay", body)
    assert answer.status_code in {400, 422}
    assert answer.json()["fault"] in {"untrusted", "malformed"}


def test_relays_are_limited_for_each_caller_and_openings_for_all(tmp_path: Any) -> None:
    stage = VaultStage(tmp_path, relays_per_hour=2, opens_per_hour=2)
    try:
        for name in ("alice", "bob"):
            holder, body = open_message(stage, name)
            assert stage.post(holder, "/v1/relay", body).status_code == 200
        carol, body = open_message(stage, "carol")
        block = stage.chain.head.number
        problem = refused(stage.post(carol, "/v1/relay", body), 429, "relay_quota")
        assert problem["facts"]["limit"] == 2
        assert stage.chain.head.number == block
        stage.clock.advance(HOUR + 1)
        assert stage.post(carol, "/v1/relay", body).status_code == 200
        for _ in range(2):
            answer = stage.post(carol, "/v1/relay", body)
        refused(answer, 429, "relay_quota")
    finally:
        stage.close()


def test_a_chain_that_does_not_answer_is_unavailable(stage: VaultStage) -> None:
    alice, body = open_message(stage)
    stage.chain.faults.fail("open_dossier", error=unreachable("down"))
    answer = stage.post(alice, "/v1/relay", body)
    refused(answer, 503, "chain_unreachable")
    assert answer.headers["retry-after"] == "2"
    stage.chain.faults.fail("open_dossier", error=Unavailable("chain_garbage", "the chain answered nonsense"))
    refused(stage.post(alice, "/v1/relay", body), 503, "chain_garbage")
