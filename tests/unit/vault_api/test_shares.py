"""Recovery at the vault: the box of sealed shares, and what guardians and owners have relayed."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.age_format import parse_header
from protocol.dossier_messages import BumpEpoch, FreezeDossier, RecoverDossier, SetGuardians, VetoRecovery
from protocol.encoding import b64u, hex0x, unb64u
from protocol.envelope import open_joined, seal_bytes
from protocol.guardians import GuardianSet
from protocol.hashing import sha256
from protocol.keys import AccountKey
from protocol.recipients import X25519Identity
from tests.grant_world import World
from tests.unit.vault_api.test_rings import renewed, rewrap, wrapped
from tests.unit.vault_api.test_shows import Window
from tests.vault_stage import FAR, Holder, Party, VaultStage, refused, seed, unchanged

DELAY = 3600


def sealed(guardian: Any, says: bytes = b"a share") -> str:
    return b64u(seal_bytes(says, [guardian.sealing.recipient()]).file)


def row(guardian: Any, share: str | None = None) -> dict[str, str]:
    return {"guardian": hex0x(guardian.dossier), "share": share or sealed(guardian)}


def post(stage: VaultStage, party: Any, *rows: dict[str, str]) -> Any:
    return stage.post(party, "/v1/me/shares", {"shares": list(rows)})


def box(stage: VaultStage, party: Any, query: str = "") -> Any:
    answer = stage.get(party, "/v1/me/shares" + query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def people(stage: VaultStage) -> tuple[Holder, Holder, Holder]:
    return stage.holder("alice"), stage.holder("gina"), stage.holder("gustav")


# --- the box ----------------------------------------------------------------------------------------


def test_a_guardian_finds_and_opens_the_share(stage: VaultStage, people: Any) -> None:
    alice, gina, gustav = people
    assert post(stage, alice, row(gina), row(gustav)).json() == {"kept": 2}
    (found,) = box(stage, gina)["rows"]
    raw = unb64u(found["share"])
    assert (found["dossier"], found["sha256"]) == (hex0x(alice.dossier), b64u(sha256(raw)))
    assert open_joined(raw, [gina.sealing]) == b"a share"
    assert box(stage, alice)["rows"] == []


def test_new_shares_take_the_place_of_all_old_ones(stage: VaultStage, people: Any) -> None:
    alice, gina, gustav = people
    post(stage, alice, row(gina), row(gustav))
    post(stage, alice, row(gustav, sealed(gustav, b"another")))
    assert box(stage, gina)["rows"] == []
    (found,) = box(stage, gustav)["rows"]
    assert open_joined(unb64u(found["share"]), [gustav.sealing]) == b"another"
    assert post(stage, alice).json() == {"kept": 0}
    assert box(stage, gustav)["rows"] == []


def test_a_box_is_read_in_pages(stage: VaultStage, people: Any) -> None:
    alice, gina, gustav = people
    post(stage, alice, row(gina))
    post(stage, gustav, row(gina))
    first = box(stage, gina, "?limit=1")
    second = box(stage, gina, f"?limit=1&page={first['next']}")
    assert [page["rows"][0]["dossier"] for page in (first, second)] == [hex0x(p.dossier) for p in (alice, gustav)]
    assert second["next"] is None


def test_only_sealed_shares_for_others_are_kept(stage: VaultStage, people: Any) -> None:
    alice, gina, _gustav = people
    wrong = seal_bytes(b"x", [X25519Identity(seed("x")).recipient()]).file
    two = seal_bytes(b"x", [gina.sealing.recipient(), alice.sealing.recipient()]).file
    whole = unb64u(sealed(gina))
    bare = whole[: parse_header(whole)[1]]
    cases = [
        ([row(gina, b64u(wrong))], 400, "share_form"),
        ([row(gina, b64u(two))], 400, "share_form"),
        ([row(gina, b64u(bare))], 400, "share_form"),
        ([row(gina, b64u(b"no age file"))], 400, None),
        ([row(gina, "A" * 12_000)], 400, "request"),
        ([row(gina)] * 17, 400, "request"),
        ([row(gina)] * 2, 403, "share_guardians"),
        ([row(alice)], 403, "share_guardians"),
        ([{**row(gina), "guardian": hex0x(sha256(b"nobody"))}], 403, None),
    ]
    for rows, status, code in cases:
        with unchanged(stage):
            answer = post(stage, alice, *rows)
            assert answer.status_code == status or code is None, answer.text
            assert answer.status_code >= 400
            assert code is None or answer.json()["code"] == code, answer.text


def test_only_holders_have_a_box(stage: VaultStage) -> None:
    refused(stage.get(Party("thief"), "/v1/me/shares"), 401, "signature_key_unknown")
    refused(stage.get(stage.bank(), "/v1/me/shares"), 403, "holder_only")


# --- what is relayed --------------------------------------------------------------------------------


class Guarded:
    """Alice's dossier with gina and gustav as its guardians, and everyone's messages by relay."""

    def __init__(self, stage: VaultStage, alice: Holder, *guardians: Holder) -> None:
        self.stage, self.alice = stage, alice
        self.keys = {guardian.address: guardian for guardian in guardians}
        self.set = GuardianSet.of(sha256(b"salt"), list(self.keys))
        self.domain = stage.vault.dossier_domain

    def relay(self, by: Any, function: str, message: dict[str, Any], *signatures: bytes, **more: Any) -> Any:
        body = {"contract": "dossier_registry", "function": function, "message": message, **more}
        return self.stage.post(by, "/v1/relay", {**body, "signatures": [hex0x(s) for s in signatures]})

    def name(self) -> Any:
        message = SetGuardians(self.alice.dossier, self.set.hash, 2, DELAY, 0, FAR)
        return self.relay(self.alice, "set_guardians", message.to_json(), self.owner(message))

    def owner(self, message: Any) -> bytes:
        return self.alice.account.sign_digest(message.digest(self.domain))

    def freeze(self, by: Holder) -> Any:
        message = FreezeDossier(self.alice.dossier, by.address, 0, FAR)
        told = {**message.to_json(), "guardians": self.set.to_json()}
        return self.relay(by, "freeze", told, by.account.sign_digest(message.digest(self.domain)))

    def propose(self, by: Any, new: AccountKey, **more: Any) -> Any:
        message = RecoverDossier(self.alice.dossier, new.address, new.address, by_all=False, nonce=0, deadline=FAR)
        signed = [self.keys[a].account.sign_digest(message.digest(self.domain)) for a in self.set.accounts]
        return self.relay(
            by, "propose_recovery", {**message.to_json(), "guardians": self.set.to_json()}, *signed, **more
        )


@pytest.fixture
def guarded(stage: VaultStage, people: Any) -> Guarded:
    found = Guarded(stage, *people)
    assert found.name().status_code == 200
    return found


def test_a_freeze_counts_at_the_vault_at_once(stage: VaultStage, guarded: Guarded, people: Any) -> None:
    alice, gina, _gustav = people
    answer = guarded.freeze(gina)
    assert answer.status_code == 200, answer.text
    stage.follow()
    assert stage.vault.facts.dossier(alice.dossier).state.frozen_until > stage.clock.now()
    refused(guarded.freeze(gina), 409, "message_nonce")
    bump = BumpEpoch(alice.dossier, 1, FAR)
    refused(guarded.relay(alice, "bump_epoch", bump.to_json(), b"\x01" * 65), 422, "message_signature")


def test_the_headers_of_a_frozen_dossier_stay_as_they_are(stage: VaultStage, guarded: Guarded, people: Any) -> None:
    """Who stole the device, published a card of his own, and would now have the old headers destroyed, is stopped."""
    alice, gina, _gustav = people
    deposit = alice.deposited(alice)
    renewed(stage, alice)
    assert guarded.freeze(gina).status_code == 200
    stage.follow()
    body = {"rewraps": [wrapped(alice, deposit)]}
    with unchanged(stage):
        refused(stage.post(alice, "/v1/me/rewraps", body), 403, "dossier_frozen")
    stage.clock.at = stage.vault.facts.dossier(alice.dossier).state.frozen_until
    stage.follow()
    assert rewrap(stage, alice, wrapped(alice, deposit)) == [None]


def test_who_lost_everything_brings_a_recovery_with_the_card_to_come(stage: VaultStage, guarded: Guarded) -> None:
    new = Party("alice anew")
    envelope = new.make_card(guarded.alice.dossier, stage.vault.dossier_domain, stage.clock.now())
    refused(guarded.propose(new, new.account), 401, "signature_key_unknown")
    answer = guarded.propose(new, new.account, card=envelope.to_json())
    assert answer.status_code == 200, answer.text
    execute = {"dossier": hex0x(guarded.alice.dossier)}
    refused(guarded.relay(new, "execute_recovery", execute, card=envelope.to_json()), 403, "not_ready")
    stage.chain.advance(DELAY + 1)
    answer = guarded.relay(new, "execute_recovery", execute, card=envelope.to_json())
    assert answer.status_code == 200, answer.text
    stage.follow()
    assert stage.vault.facts.dossier(guarded.alice.dossier).state.controller == new.address


def test_the_owner_vetoes_and_changes_guardians_by_relay(stage: VaultStage, guarded: Guarded) -> None:
    alice = guarded.alice
    assert guarded.propose(alice, AccountKey(seed("thief"))).status_code == 200
    veto = VetoRecovery(alice.dossier, 0, 1, FAR)
    assert guarded.relay(alice, "veto_recovery", veto.to_json(), guarded.owner(veto)).status_code == 200
    none = SetGuardians(alice.dossier, bytes(32), 0, 0, 2, FAR)
    assert guarded.relay(alice, "set_guardians", none.to_json(), guarded.owner(none)).status_code == 200
    apply = {"dossier": hex0x(alice.dossier)}
    refused(guarded.relay(alice, "apply_guardians", apply), 403, "not_ready")
    stage.chain.advance(DELAY + 1)
    assert guarded.relay(alice, "apply_guardians", apply).status_code == 200
    refused(guarded.propose(alice, AccountKey(seed("thief"))), 422, "guardian_set")


def test_a_set_that_is_none_is_refused_before_anything_is_sent(stage: VaultStage, guarded: Guarded) -> None:
    message = RecoverDossier(
        guarded.alice.dossier, b"\x01" * 20, b"\x01" * 20, by_all=False, nonce=0, deadline=FAR
    ).to_json()
    for guardians in (None, {}, {"salt": b64u(bytes(32)), "accounts": []}, {"salt": "x", "accounts": ["0x00"]}):
        with unchanged(stage):
            answer = guarded.relay(guarded.alice, "propose_recovery", {**message, "guardians": guardians})
            assert answer.status_code == 400, answer.text


# --- a frozen dossier -------------------------------------------------------------------------------


def test_a_frozen_dossier_takes_no_grant_and_gives_no_use(stage: VaultStage) -> None:
    world = World(stage)
    grant = world.granted()
    assert grant.release().status_code == 200
    guarded = Guarded(stage, world.alice, stage.holder("gina"), stage.holder("gustav"))
    assert guarded.name().status_code == 200
    assert guarded.freeze(next(iter(guarded.keys.values()))).status_code == 200
    stage.follow()
    with unchanged(stage):
        refused(grant.release(), 403, "dossier_frozen")
        refused(world.grant().send(), 403, "dossier_frozen")


def test_a_frozen_dossier_opens_no_show_and_hands_nothing_over(stage: VaultStage) -> None:
    window = Window(stage)
    guarded = Guarded(stage, window.alice, stage.holder("gina"), stage.holder("gustav"))
    assert guarded.name().status_code == 200
    assert window.collect().status_code == 200
    assert guarded.freeze(next(iter(guarded.keys.values()))).status_code == 200
    stage.follow()
    with unchanged(stage):
        refused(window.present(), 403, "dossier_frozen")
        body = {"session": b64u(bytes(15) + b"2"), "lifetime_s": 60}
        refused(stage.post(window.alice, "/v1/me/shows", body), 403, "dossier_frozen")
