"""Several items in one code, and the documents that are shown with them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from client.session import Session
from protocol.credential import open_credential
from protocol.dcql import parse_query
from protocol.encoding import b64u, unb64u
from protocol.envelope import open_joined, open_stream
from protocol.errors import Denied, Malformed, OneFileError
from protocol.parcel import Parcel
from protocol.scenario import parse_scenario, sign_scenario
from tests.scenario_samples import QUERY
from tests.unit.wallet_cli.conftest import Outcome, World, make_world, small_loan
from tests.unit.wallet_cli.test_shows import Window, window
from tests.wallet_stage import PDF, Stage, card_of
from wallet_cli.services import showing, syncing, tokens
from wallet_cli.services.choosing import chosen
from wallet_cli.services.opening import open_item

__all__ = ["window"]
Wallet = Callable[..., Outcome]
DIPLOMA = {
    "school": "山东大学",
    "major": "法学",
    "level": "本科",
    "study_mode": "全日制",
    "enrolment_date": "2016-09-01",
    "graduation_date": "2020-06-30",
    "graduation_status": "毕业",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for this module: what a test shows, it shows once."""
    made = Stage(tmp_path_factory.mktemp("world"))
    yield make_world(made)
    made.close()


@pytest.fixture(scope="module")
def stage(world: World) -> Stage:
    return world.stage


@pytest.fixture(scope="module")
def asked(world: World) -> bytes:
    """A scenario that asks for the insurance proof and the diploma together; its hash."""
    query = {key: value for key, value in copy.deepcopy(QUERY).items() if key != "credential_sets"}
    for credential in query["credentials"]:
        credential["claims"] = [claim for claim in credential["claims"] if claim["path"][0] != "files"]
    query["credentials"][0]["claims"].append({"path": ["files", 0]})
    raw = sign_scenario(
        small_loan(world.authority, scenario_id="both", query=parse_query(query)), world.authority.present
    )
    world.authority.api.post_scenario(raw)
    return parse_scenario(raw).hash


@pytest.fixture(scope="module")
def diploma(world: World) -> str:
    school = world.stage.issuer("School", ("diploma",))
    token = tokens.card_token(world.alice, school.account)
    item = school.issue(token, card_of(world.alice), kind="diploma", fields=DIPLOMA, documents=())
    world.stage.tick()
    syncing.sync(world.alice)
    return b64u(item)


def test_two_items_are_shown_in_one_code_with_a_document(
    world: World, wallet: Wallet, window: Callable[..., Window], diploma: str, asked: bytes
) -> None:
    scanned = window(scenario=asked)
    done = wallet("show", diploma, world.item, "--json")

    assert done.code == 0, done.err
    assert [(part["query"], part["documents"]) for part in done.json["items"]] == [
        ("education", []),
        ("insurance", ["证明.pdf"]),
    ]
    got = world.bank.api.show(scanned.session)
    assert got.presentation is not None
    parcel = Parcel.parse(open_joined(unb64u(got.presentation), [world.bank.keys.sealing(1)]))
    assert [open_credential(item.presentation).licence_type for item in parcel.items] == [
        "diploma",
        "social-insurance-proof",
    ]
    (document,) = parcel.items[1].documents
    (header,) = got.headers
    assert (header.payload, header.item) == (b64u(document.payload), world.item)
    size = next(o.payload_size for o in open_item(world.alice, world.alice.store.item(world.item)).slip.objects[1:])
    path: Path = world.stage.folder / "payload"
    with path.open("x+b") as sealed, (world.stage.folder / "plain").open("x+b") as plain:
        world.bank.api.show_payload(scanned.session, document.payload, size, sealed)
        sealed.seek(0)
        open_stream(unb64u(header.header), sealed, plain, [world.bank.keys.sealing(1)])
        plain.seek(0)
        assert plain.read() == PDF


def test_each_item_has_its_own_named_claims(
    world: World, wallet: Wallet, window: Callable[..., Window], diploma: str, asked: bytes
) -> None:
    window(scenario=asked)
    named = f"{world.item[:8]}:/months_paid,{world.item[:8]}:/files/0"
    done = wallet("show", diploma, world.item, "--claims", named, "--json")
    assert {part["query"]: part["claims"] for part in done.json["items"]}["insurance"] == ["/files/0", "/months_paid"]


def test_half_of_what_is_asked_is_not_handed_over(
    world: World, wallet: Wallet, window: Callable[..., Window], asked: bytes
) -> None:
    scanned = window(scenario=asked)
    done = wallet("show", world.item)
    assert done.code == 4
    assert "also asks for: education" in done.err
    assert world.bank.api.show(scanned.session).state == "refused"


def test_the_person_is_told_every_item_and_document(
    world: World, wallet: Wallet, window: Callable[..., Window], diploma: str, asked: bytes
) -> None:
    window(scenario=asked)
    told = wallet("show", diploma, world.item).err
    assert "Item: " in told
    assert "Documents: 证明.pdf" in told


def test_the_svg_is_there_while_the_code_is_shown_and_gone_afterwards(
    world: World, wallet: Wallet, window: Callable[..., Window]
) -> None:
    target = world.stage.folder / "code.svg"
    seen: list[str] = []
    scanned = window(at=2)
    honest = scanned.see

    def see(text: str) -> None:
        seen.extend([target.read_text()] if target.exists() else [])
        honest(text)

    scanned.see = see  # type: ignore[method-assign]  # looks at the picture of the code before
    assert wallet("show", world.item, "--svg", str(target)).code == 0
    assert seen[0].startswith("<svg ")
    assert not target.exists()


def items_of(session: Session, *ids: str) -> tuple[Any, ...]:
    return tuple(open_item(session, session.store.item(name)) for name in ids)


@pytest.mark.parametrize("claim", ["months_paid", ":/x", "zz:/months_paid", "zz/months_paid", "/months_paid"])
def test_a_claim_that_names_no_one_item_is_refused_before_a_session_is_opened(
    world: World, diploma: str, claim: str
) -> None:
    with pytest.raises(Malformed) as caught:
        showing.Choice(items_of(world.alice, diploma, world.item), (claim,), optional=False)
    assert caught.value.code == "show_claim"


def test_an_item_stands_once_in_a_code(world: World) -> None:
    with pytest.raises(Malformed, match="each of them once"):
        showing.Choice(items_of(world.alice, world.item, world.item), (), optional=False)


def test_items_that_answer_two_alternatives_are_not_shown_together(world: World, diploma: str) -> None:
    choice = showing.Choice(items_of(world.alice, diploma, world.item), (), optional=False)
    with pytest.raises(Denied) as caught:
        chosen(world.scenario, "City Bank", choice)
    assert caught.value.code == "show_not_asked"


def test_the_vault_takes_headers_of_the_holders_own_documents_only(
    world: World, window: Callable[..., Window], wallet: Wallet, diploma: str, asked: bytes
) -> None:
    from protocol import wire

    scanned = window(scenario=asked)
    assert wallet("show", diploma, world.item, "--json").code == 0
    (header,) = world.bank.api.show(scanned.session).headers
    item = open_item(world.alice, world.alice.store.item(world.item))
    again = showing.Showing(world.alice, (item,))
    other = Window(world, scenario=asked)
    other.see(again.draw().text)
    for wrong, code in (
        ([header.model_copy(update={"item": diploma})], "item_unknown"),
        ([header.model_copy(update={"payload": b64u(bytes(32))})], "item_unknown"),
        ([header, header], "show_headers"),
        ([wire.ExtraHeader(item=header.item, payload=header.payload, header="AAAA")], "age_header_truncated"),
    ):
        with pytest.raises(OneFileError) as caught:
            world.alice.api.present(again.id, unb64u(world.bank.api.show(scanned.session).presentation or ""), wrong)
        assert caught.value.code == code
    assert world.bank.api.show(other.session).state == "collected"


def test_a_payload_goes_to_who_collected_and_goes_with_the_presentation(
    world: World, window: Callable[..., Window], wallet: Wallet, diploma: str, asked: bytes
) -> None:
    scanned = window(scenario=asked)
    assert wallet("show", diploma, world.item, "--json").code == 0
    (header,) = world.bank.api.show(scanned.session).headers
    digest = unb64u(header.payload)

    def fetched(api: Any) -> str:
        with (world.stage.folder / "fetched").open("w+b") as target:
            try:
                api.show_payload(scanned.session, digest, 1 << 20, target)
            except OneFileError as error:
                return error.code
        return "ok"

    assert fetched(world.hr.api) == "payload_unknown"
    assert fetched(world.bank.api) == "ok"
    world.stage.clock.time += 601
    world.stage.tick()
    assert fetched(world.bank.api) == "payload_unknown"
    assert world.bank.api.show(scanned.session).headers == []
