"""Making, restoring, unlocking and renewing a holder."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from client import agent
from console import output
from protocol.encoding import hex0x
from protocol.errors import Conflict
from protocol.keycard import KeyCardEnvelope
from protocol.statements import parse_card_token
from tests.unit.wallet_cli.conftest import Lying, Outcome, World
from tests.unit.wallet_cli.phrases import Terminal, phrase_file
from tests.wallet_stage import NOW, PHRASES, Stage
from wallet_cli.services import enrolment, registration, setup

Wallet = Callable[..., Outcome]


def test_init_opens_a_dossier_on_chain_and_in_the_vault(stage: Stage, wallet: Wallet) -> None:
    target = stage.folder / "phrase"
    made = wallet("init", "--phrase-file", str(target), "--words", "12", "--phrase-language", "zh", "--json")
    assert made.code == 0
    assert made.json["state"] == "opened"
    assert len(target.read_text().split()) == 12
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    state = stage.ledger.dossier(bytes.fromhex(made.json["dossier"][2:]))
    assert state is not None
    assert hex0x(state.controller) == made.json["controller"]
    folder = stage.home / "wallets" / "alice"
    assert not (folder / "opening.json").exists()
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert target.read_text().strip().encode() not in everything


def test_init_shows_the_phrase_once_on_standard_error(wallet: Wallet, stage: Stage) -> None:
    made = wallet("init", "--yes", "--offline", "--words", "12", "--phrase-language", "en")
    assert made.code == 0
    assert "12." in made.err
    assert "12." not in made.out
    assert "keys made" in made.out
    assert not stage.session("alice").party.opened


def test_init_without_anybody_to_confirm_is_refused_before_anything_is_made(wallet: Wallet, stage: Stage) -> None:
    assert wallet("init").code == 2
    assert not (stage.home / "wallets").exists()


def test_a_phrase_that_is_not_confirmed_makes_nothing(
    wallet: Wallet, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    made = wallet("init", "--json")
    assert (made.code, made.problem) == (1, "not_confirmed")
    assert not (stage.home / "wallets" / "alice" / "keys.age").exists()


def test_a_profile_is_never_made_twice(wallet: Wallet, stage: Stage) -> None:
    wallet("init", "--yes", "--offline")
    before = (stage.home / "wallets/alice/keys.age").read_bytes()
    again = wallet("init", "--yes", "--offline", "--json")
    assert (again.code, again.problem) == (1, "file_exists")
    assert "alice" in again.err
    assert (stage.home / "wallets/alice/keys.age").read_bytes() == before
    assert wallet("restore", "--phrase-file", phrase_file(stage), "--json").problem == "file_exists"
    session = stage.session("alice")
    with pytest.raises(Conflict, match="exists already"):
        setup.save(session, None, None, None)  # type: ignore[arg-type]  # refused before they are looked at


def test_the_phrase_file_is_never_replaced(wallet: Wallet, stage: Stage) -> None:
    target = stage.folder / "phrase"
    target.write_text("precious")
    assert wallet("init", "--phrase-file", str(target), "--json").problem == "file_exists"
    assert target.read_text() == "precious"
    assert not (stage.home / "wallets/alice/keys.age").exists()


def test_an_opening_that_broke_off_is_sent_again_without_the_phrase(wallet: Wallet, stage: Stage) -> None:
    down = httpx2.MockTransport(lambda _request: httpx2.Response(502))
    broken = wallet("init", "--yes", "--phrase-file", str(stage.folder / "p"), "--json", transport=down)
    assert broken.code == 7
    assert wallet("sync", "--json").problem == "dossier_not_open"
    assert wallet("dossier", "--open", "--json").json["card_seq"] == 1
    assert wallet("dossier", "--open", "--json").code == 0
    assert stage.session("alice").party.opened


def test_an_opening_that_the_vault_took_and_did_not_answer_is_completed(wallet: Wallet, stage: Stage) -> None:
    deaf = Lying(stage.transport)
    deaf.rules["/v1/dossiers"] = lambda _body: httpx2.Response(502)
    assert wallet("init", "--yes", "--phrase-file", str(stage.folder / "p"), "--json", transport=deaf).code == 7
    assert wallet("dossier", "--open", "--json").code == 0


def test_without_the_signed_opening_the_phrase_is_needed(wallet: Wallet, stage: Stage) -> None:
    wallet("init", "--yes", "--offline")
    (stage.home / "wallets/alice/opening.json").unlink()
    assert wallet("dossier", "--open", "--json").problem == "opening_missing"


def test_a_vault_that_says_open_while_the_chain_does_not_is_not_believed(wallet: Wallet, stage: Stage) -> None:
    wallet("init", "--yes", "--offline")
    session = stage.session("alice")
    session.opener = lambda _settings, _record: Strange(stage.ledger)  # type: ignore[return-value]  # reads alone
    with pytest.raises(Exception, match="chain does not show the dossier"):
        registration.open_dossier(session)
    assert not stage.session("alice").party.opened


class Strange:
    """A ledger that knows no dossier."""

    def __init__(self, ledger: object) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)

    def dossier(self, _dossier: bytes) -> None:
        return None


def test_without_a_deployment_record_nothing_is_made(wallet: Wallet, stage: Stage) -> None:
    (stage.home / "deployment.json").unlink()
    assert wallet("init", "--yes", "--json").problem == "no_deployment"
    assert not (stage.home / "wallets/alice/keys.age").exists()


def test_unlock_keeps_the_keys_and_lock_forgets_them(wallet: Wallet, stage: Stage) -> None:
    wallet("init", "--yes", "--offline")
    assert wallet("unlock", "--status", "--json").json == {"unlocked": False, "left_s": None}
    opened = wallet("unlock", "--for", "90s", "--json")
    assert opened.json["unlocked"] is True
    assert 80 <= opened.json["left_s"] <= 90
    assert "open for another" in wallet("unlock", "--status").out
    found = stage.session("alice")
    found.passphrase = None  # type: ignore[assignment]  # it is not asked for
    assert found.keys.kind == "person"
    assert wallet("lock", "--json").json == {"unlocked": False, "was_unlocked": True}
    assert wallet("lock").out == "locked\n"
    assert agent.left_s(found.profile) is None


@pytest.mark.parametrize("text", ["0m", "15", "m", "-5m", "9999999d", "1w", "8d"])
def test_a_length_of_time_is_spelled_with_its_unit_and_bounded(wallet: Wallet, stage: Stage, text: str) -> None:
    assert wallet("unlock", f"--for={text}").code == 2
    assert wallet("init", "--yes", "--offline", f"--unlock={text}").code == 2
    assert not stage.session("alice").profile.exists()


def test_the_wrong_passphrase_opens_nothing(wallet: Wallet, stage: Stage) -> None:
    wallet("init", "--yes", "--offline")
    path = stage.folder / "other"
    path.write_text("wrong")
    done = wallet("unlock", "--passphrase-file", str(path), "--json")
    assert (done.code, done.problem) == (4, "wrong_passphrase")


def test_the_dossier_is_shown_as_the_chain_has_it(shared: World, look: Wallet) -> None:
    seen = look("dossier", "--json").json
    assert (seen["card_seq"], seen["items"], seen["grant_epoch"], seen["chain"]) == (1, 1, 1, True)
    assert hex0x(shared.alice.party.subject) in look("dossier").out


def test_all_grants_end_when_the_epoch_is_raised(world: World, wallet: Wallet) -> None:
    assert wallet("dossier", "--end-grants", "--json").problem == "not_confirmed"
    assert wallet("dossier", "--json").json["grant_epoch"] == 1
    done = wallet("dossier", "--end-grants", "--yes", "--json")
    assert (done.code, done.json["grant_epoch"]) == (0, 2)


def test_the_key_card_is_shown_and_renewed(world: World, wallet: Wallet) -> None:
    first = wallet("card", "--json").json
    assert first["seq"] == 1
    assert first["recipient"].startswith("age1pq1")
    tried = wallet("card", "--renew", "--revoke-older", "--dry-run")
    assert "Key card 2 would follow" in tried.err
    assert "would stop working" in tried.err
    tried = wallet("card", "--renew", "--dry-run", "--json")
    assert (tried.json["seq"], tried.json["next_seq"], tried.json["next_revoked_below"]) == (1, 2, None)
    assert wallet("card", "--json").json == first
    renewed = wallet("card", "--renew", "--revoke-older", "--json")
    assert (renewed.json["seq"], renewed.json["revoked_below"]) == (2, 2)
    assert renewed.json["present_key"] != first["present_key"]
    assert world.stage.session("alice").party.card_seq == 2
    assert "Key card" in wallet("card").out
    state = world.stage.ledger.dossier(world.alice.party.subject)
    assert state is not None
    assert (state.card_seq, state.revoked_below) == (2, 2)


@pytest.mark.parametrize("route", ["/v1/relay", "/v1/me/card"])
def test_a_renewal_whose_answer_was_lost_is_finished_by_the_next(world: World, wallet: Wallet, route: str) -> None:
    lying = Lying(world.stage.transport)
    lying.rules[route] = lambda _body: httpx2.Response(502)
    assert wallet("card", "--renew", "--json", transport=lying).code == 7
    assert world.stage.session("alice").party.card_seq == 1
    world.stage.tick()
    finished = wallet("card", "--renew", "--json")
    assert (finished.code, finished.json["seq"], finished.json["revoked_below"]) == (0, 2, 0)
    assert wallet("card", "--renew", "--json").json["seq"] == 3


def test_a_renewal_that_is_finished_late_still_revokes_when_that_is_asked(world: World, wallet: Wallet) -> None:
    lying = Lying(world.stage.transport)
    lying.rules["/v1/relay"] = lambda _body: httpx2.Response(502)
    assert wallet("card", "--renew", transport=lying).code == 7
    world.stage.tick()
    assert wallet("card", "--renew", "--revoke-older", "--json").json["revoked_below"] == 3


def test_a_renewal_that_the_chain_never_saw_is_signed_anew(world: World, wallet: Wallet) -> None:
    world.stage.chain.faults.fail("publish_dossier_card", times=9)
    assert wallet("card", "--renew").code == 7
    world.stage.chain.faults._queue.clear()
    assert wallet("card", "--renew", "--json").json["seq"] == 2


def test_an_invitation_names_one_agency_and_lives_ten_minutes(shared: World, look: Wallet) -> None:
    for named in (shared.hr.urn, hex0x(shared.hr.account), "Human Resources", "Human"):
        token = parse_card_token(look("card", "--for", named, "--json").json["card_token"]).body
        assert token.aud == shared.hr.urn
        now = shared.stage.clock.now()
        assert (token.iat, token.exp) == (now, now + 600)
    assert look("card", "--for", "Human").out.count(".") == 2


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ("Nobody", "agency_not_found"),
        ("0x1234", "address"),
        ("urn:onefile:agency:1:0x" + "1" * 40 + ":0x" + "2" * 40, "agency_other_chain"),
        ("urn:else", "agency_urn"),
    ],
)
def test_an_agency_that_nobody_knows_is_not_invited(shared: World, look: Wallet, named: str, code: str) -> None:
    assert look("card", "--for", named, "--json").problem == code


def test_a_vault_that_shows_another_card_is_found_out(world: World, wallet: Wallet) -> None:
    lying = Lying(world.stage.transport)
    bob = world.stage.holder("bob")
    lying.rules["/v1/cards/query"] = lambda _body: {"card": _card(bob).to_json()}
    assert wallet("card", "--json", transport=lying).problem == "card_subject"
    old = _card(world.alice).to_json()
    registration.renew_card(world.alice, revoke_older=False)
    lying.rules["/v1/cards/query"] = lambda _body: {"card": old}
    assert wallet("card", "--json", transport=lying).problem == "card_not_newest"


def test_a_card_renewed_elsewhere_is_noticed(world: World, wallet: Wallet) -> None:
    renewed = world.stage.session("alice")
    renewed.use_keys(renewed.keys.first("person", type(renewed.keys.root)(b"x" * 32), renewed.keys.hot))
    party = renewed.party
    present, sealing = renewed.keys.present(2), renewed.keys.sealing(2).recipient().public
    from client.deployment import dossier_domain
    from protocol import wire
    from protocol.keycard import next_card, seal_card

    domain = dossier_domain(renewed.deployment)
    card = next_card(_card(world.alice).card, domain, present.public_jwk(), sealing, valid_from=NOW)
    envelope = seal_card(card, domain, present, sealing, renewed.keys.hot.sign_digest(card.digest(domain)))
    registration._relay_card(renewed, card, envelope)
    renewed.public_api.put_card(wire.Card(card=envelope.to_json()), present)
    assert party.card_seq == 1
    assert wallet("card", "--json").problem == "card_foreign_keys"


def test_a_chain_that_is_away_leaves_the_card_to_its_signature(world: World) -> None:
    from protocol.errors import Unavailable

    world.stage.chain.faults.fail("head", times=5, error=Unavailable("chain_unreachable", "gone"))
    assert registration.newest_card(world.stage.session("alice")).card.seq == 1


def test_who_asks_at_a_terminal_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert output.confirm("Is it?")


def test_the_epoch_of_an_unknown_dossier_is_not_raised(world: World) -> None:
    session = world.stage.session("alice")
    session.opener = lambda _settings, _record: Strange(world.stage.ledger)  # type: ignore[return-value]  # reads alone
    with pytest.raises(Exception, match="no such dossier"):
        registration.end_all_grants(session)


def test_a_vault_that_fails_while_restoring_is_not_taken_for_an_unknown_card(stage: Stage) -> None:
    stage.holder("alice")
    session = stage.session("second")
    session.transport = httpx2.MockTransport(lambda _request: httpx2.Response(403))
    from protocol.keys import Mnemonic
    from protocol.recipients import Passphrase

    order = enrolment.Order("person", 0, "http://vault.test", restoring=True)
    with pytest.raises(Exception, match="HTTP 403"):
        enrolment.enrol(session, Mnemonic(PHRASES["alice"], "en"), Passphrase("pass"), order)


def _card(session: object) -> KeyCardEnvelope:
    from tests.wallet_stage import card_of

    return card_of(session)  # type: ignore[arg-type]  # a session


def test_the_folder_holds_no_secret_in_the_clear(stage: Stage) -> None:
    alice = stage.holder("alice")
    secrets = [alice.keys.root.unsafe_bytes, alice.keys.hot.unsafe_bytes, PHRASES["alice"].encode()]
    for path in Path(alice.profile.folder).rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            assert not any(secret in raw or secret.hex().encode() in raw for secret in secrets)
