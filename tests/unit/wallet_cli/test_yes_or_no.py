"""A yes without the date behind it: the issuer has answered the question, and only the answer is shown."""

from __future__ import annotations

import json
import secrets
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from client.session import Session
from protocol import wire
from protocol.credential import open_credential
from protocol.dcql import parse_query
from protocol.encoding import b64u, unb64u
from protocol.envelope import open_joined
from protocol.errors import Denied
from protocol.hashing import sha256
from protocol.parcel import Parcel
from protocol.scenario import parse_scenario, sign_scenario
from tests.unit.wallet_cli.conftest import World, small_loan
from tests.unit.wallet_cli.receipts import receipt
from tests.wallet_stage import card_of
from wallet_cli.services import syncing, tokens
from wallet_cli.services.collecting import Collecting
from wallet_cli.services.opening import open_item
from wallet_cli.services.showing import Showing

EXAMPLES = Path(__file__).resolve().parents[3] / "docs/examples"
SAMPLE = json.loads((EXAMPLES / "claims/resident-identity.json").read_text(encoding="utf-8"))
ASKED = json.loads((EXAMPLES / "scenarios/age-check.json").read_text(encoding="utf-8"))
FIELDS = {name: value for name, value in SAMPLE.items() if name not in {"holder", "certificate"}}


def identity(world: World) -> str:
    police = world.stage.issuer("Police", ("resident-identity",))
    token = tokens.card_token(world.alice, police.account)
    item = police.issue(token, card_of(world.alice), kind="resident-identity", fields=FIELDS, documents=())
    world.stage.tick()
    syncing.sync(world.alice)
    return b64u(item)


def asked(world: World) -> bytes:
    scenario = small_loan(world.authority, scenario_id="age-check", query=parse_query(ASKED["query"]), max_age=0)
    raw = sign_scenario(scenario, world.authority.present)
    world.authority.api.post_scenario(raw)
    return parse_scenario(raw).hash


def shown(world: World, item: str, scenario: bytes, claims: tuple[str, ...] = ()) -> tuple[bytes, wire.Show]:
    """What the bank gets to see of the item, opened."""
    alice: Session = world.alice
    showing = Showing(alice, (open_item(alice, alice.store.item(item)),), claims)
    raw = receipt(world, show=showing.id, nonce=secrets.token_bytes(16), scenario=scenario)
    world.bank.api.collect(showing.draw().text, raw)
    collecting = Collecting(showing)
    collecting.deliver(collecting.check(showing.wait(1)))
    answer = world.bank.api.show(showing.id)
    return open_joined(unb64u(answer.presentation or ""), [world.bank.keys.sealing(1)]), answer


def test_over_eighteen_is_shown_and_the_date_of_birth_cannot_be_found(world: World) -> None:
    item, scenario = identity(world), asked(world)
    plain, answer = shown(world, item, scenario)

    (one,) = Parcel.parse(plain).items
    credential = open_credential(one.presentation)
    assert (credential.named, credential.opened.values["/age_over_18"]) == (("/age_over_18",), True)
    assert not {"/birth_date", "/age_over_60", "/holder/identity_number"} & set(credential.opened.values)
    everything = plain + answer.model_dump_json().encode() + json.dumps(decoded(one.presentation)).encode()
    for secret in (FIELDS["birth_date"], "19900307", SAMPLE["holder"]["identity_number"], "birth_date"):
        assert secret.encode() not in everything

    # Nor by trying every day of a century: what is hidden is hashed with 128 bits that nobody was given.
    hidden = digests(decoded(one.presentation)[1])
    first, guesses = date(1920, 1, 1), 0
    for day in range(36_525):
        text = (first + timedelta(day)).isoformat()
        for guess in (json.dumps(["birth_date", text]), json.dumps(["", "birth_date", text]), text):
            guesses += 1
            assert b64u(sha256(b64u(guess.encode()).encode())) not in hidden
    assert guesses == 3 * 36_525
    with pytest.raises(Denied) as caught:
        shown(world, item, scenario, ("/birth_date",))
    assert caught.value.code == "over_asking"


def test_who_has_one_date_twice_is_not_known_by_its_hash(world: World) -> None:
    first, second = identity(world), identity_again(world)
    hidden = [
        set(digests(decoded(open_item(world.alice, world.alice.store.item(i)).raw.decode())[1]))
        for i in (first, second)
    ]
    assert not hidden[0] & hidden[1]


def identity_again(world: World) -> str:
    before = {record.item for record in world.alice.store.items()}
    office = world.stage.issuer("Second Police", ("resident-identity",))
    token = tokens.card_token(world.alice, office.account)
    office.issue(token, card_of(world.alice), kind="resident-identity", fields=FIELDS, documents=())
    world.stage.tick()
    syncing.sync(world.alice)
    (new,) = (record.id for record in world.alice.store.items() if record.item not in before)
    return new


def decoded(presentation: str) -> list[Any]:
    """Every JSON of a presentation: headers, payloads, disclosures."""
    found = []
    for token in presentation.split("~"):
        for part in token.split(".")[:2] if "." in token else [token]:
            found += [json.loads(unb64u(part))] if part else []
    return found


def digests(payload: Any) -> list[str]:
    """All that stands for what is hidden in the issuer's JWT."""
    if isinstance(payload, dict):
        return [*payload.get("_sd", []), *(d for value in payload.values() for d in digests(value))]
    return [d for value in payload for d in digests(value)] if isinstance(payload, list) else []
