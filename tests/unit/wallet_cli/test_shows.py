"""Showing at a window, where the wallet checks before it hands over."""

from __future__ import annotations

import copy
import io
import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from client import qr
from client.checks import open_desk
from protocol import wire
from protocol.credential import open_credential
from protocol.encoding import b64u, unb64u
from protocol.envelope import open_joined
from protocol.parcel import Parcel
from protocol.scenario import parse_scenario, sign_scenario
from protocol.show_code import verify_show_code
from tests.unit.wallet_cli.conftest import Lying, Outcome, World, small_loan
from tests.unit.wallet_cli.receipts import OTHER_LOG, receipt
from tests.wallet_stage import Agency
from wallet_cli.services import showing, syncing
from wallet_cli.services.collecting import Collecting
from wallet_cli.services.opening import open_item

Wallet = Callable[..., Outcome]


class Window:
    """A window that scans the first code that it is shown."""

    def __init__(self, world: World, reader: Agency | None = None, at: int = 1, **changes: Any) -> None:
        self.world, self.reader, self.at, self.changes = world, reader or world.bank, at, changes
        self.codes: list[str] = []
        self.session = b""
        self.answer: wire.Show | None = None

    def see(self, text: str) -> None:
        self.codes.append(text)
        if len(self.codes) == self.at:
            from protocol.show_code import parse_show_code

            self.session = parse_show_code(text).code.session
            raw = receipt(self.world, self.reader, show=self.session, nonce=secrets.token_bytes(16), **self.changes)
            self.answer = self.reader.api.collect(text, raw)


@pytest.fixture
def window(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Window]:
    """Let a window scan what the wallet draws, and time pass while it waits."""

    def place(**options: Any) -> Window:
        made = Window(world, **options)
        honest = showing.Showing.draw

        def draw(self: showing.Showing) -> showing.Code:
            code = honest(self)
            made.see(code.text)
            return code

        def wait(self: showing.Showing, seconds: int) -> wire.Show:
            found = self.session.api.my_show(self.id)
            if found.state == "open":
                world.stage.clock.time += seconds
            return found

        monkeypatch.setattr(showing.Showing, "draw", draw)
        monkeypatch.setattr(showing.Showing, "wait", wait)
        return made

    return place


def test_an_item_is_shown_to_the_window_that_scans_it(
    world: World, wallet: Wallet, window: Callable[..., Window]
) -> None:
    scanned = window()
    done = wallet("show", world.item, "--json")
    assert done.code == 0, done.err
    assert (done.json["agency_name"], done.json["state"]) == ("City Bank", "delivered")
    assert done.json["claims"] == ["/insured_region", "/months_paid"]
    assert done.json["officer"] == {"class": "teller", "ref": "17"}
    assert json.loads(done.err.splitlines()[0])["code"] == scanned.codes[0]
    got = world.bank.api.show(scanned.session)
    assert got.presentation is not None
    parcel = Parcel.parse(open_joined(unb64u(got.presentation), [world.bank.keys.sealing(1)]))
    assert parcel.show == scanned.session
    assert open_credential(parcel.items[0].presentation).named == ("/insured_region", "/months_paid")
    world.stage.tick()
    rows = wallet("uses", "--json").json["uses"]
    assert [(row["state"], row["show"]) for row in rows] == [("pass", b64u(scanned.session))]
    assert "show " in wallet("uses", "--no-sync").out


def test_the_code_changes_every_thirty_seconds_until_somebody_scans(
    world: World, wallet: Wallet, window: Callable[..., Window]
) -> None:
    scanned = window(at=3)
    assert wallet("show", world.item, "--json").code == 0
    assert len(set(scanned.codes)) == 3


def test_only_the_claims_that_were_named_are_shown(world: World, wallet: Wallet, window: Callable[..., Window]) -> None:
    window()
    done = wallet("show", world.item, "--claim", "/months_paid", "--json")
    assert done.json["claims"] == ["/months_paid"]
    window()
    more = wallet("show", world.item, "--optional", "--json").json["claims"]
    assert more == ["/files/0", "/holder/name", "/insured_region", "/months_paid"]


def test_more_than_the_scenario_asks_for_is_not_shown(
    world: World, wallet: Wallet, window: Callable[..., Window]
) -> None:
    scanned = window()
    done = wallet("show", world.item, "--claim", "/contribution_base", "--json")
    assert (done.code, done.problem) == (4, "over_asking")
    assert world.bank.api.show(scanned.session).state == "refused"
    assert world.bank.api.show(scanned.session).presentation is None


def test_nobody_scans_and_nothing_is_shown(world: World, wallet: Wallet, window: Callable[..., Window]) -> None:
    window(at=99)
    done = wallet("show", world.item, "--json")
    assert (done.code, done.problem) == (4, "show_expired") or done.code == 5
    window(at=99)
    once = wallet("show", world.item, "--once", "--json")
    assert once.problem == "show_not_collected"


def test_a_person_who_says_no_hands_over_nothing(
    world: World, wallet: Wallet, window: Callable[..., Window], monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned = window()
    done = wallet("show", world.item, "--confirm", "--json")
    assert (done.code, done.problem) == (1, "not_confirmed")
    assert world.bank.api.show(scanned.session).state == "refused"

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    window()
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    told = wallet("show", world.item, "--confirm")
    assert told.code == 0
    assert "Collected by City Bank (bank)" in told.err
    assert "months paid" in told.err
    assert "/months_paid" not in told.err  # a person agrees to names
    assert "handed over to City Bank" in told.out
    assert "█" in told.out


def test_a_sensitive_scenario_asks_first(world: World, wallet: Wallet, window: Callable[..., Window]) -> None:
    sensitive = small_loan(world.authority, scenario_id="secret-loan", sensitivity=4)
    raw = sign_scenario(sensitive, world.authority.present)
    world.authority.api.post_scenario(raw)
    window(scenario=parse_scenario(raw).hash)
    assert wallet("show", world.item, "--json").problem == "not_confirmed"
    window(scenario=parse_scenario(raw).hash)
    assert wallet("show", world.item, "--no-confirm", "--json").code == 0


def test_a_scenario_that_asks_for_something_else_gets_nothing(
    world: World, wallet: Wallet, window: Callable[..., Window]
) -> None:
    from protocol.dcql import parse_query
    from tests.scenario_samples import QUERY

    query = {"credentials": [QUERY["credentials"][1]]}
    other = small_loan(world.authority, scenario_id="study-loan", query=parse_query(query))
    raw = sign_scenario(other, world.authority.present)
    world.authority.api.post_scenario(raw)
    window(scenario=parse_scenario(raw).hash)
    assert wallet("show", world.item, "--json").problem == "show_not_asked"


def test_ctrl_c_withdraws_the_code(world: World, wallet: Wallet, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    honest = showing.Showing.refuse

    def refuse(self: showing.Showing) -> None:
        honest(self)
        closed.append(self.session.api.my_show(self.id).state)

    def interrupt(_self: showing.Showing, _seconds: int) -> wire.Show:
        raise KeyboardInterrupt

    monkeypatch.setattr(showing.Showing, "refuse", refuse)
    monkeypatch.setattr(showing.Showing, "wait", interrupt)
    assert wallet("show", world.item).code == 130
    assert closed == ["refused"]


def test_the_current_code_is_kept_as_a_picture_while_it_is_shown(
    world: World, wallet: Wallet, window: Callable[..., Window]
) -> None:
    target = world.stage.folder / "code.png"
    read: list[str] = []
    scanned = window(at=2)
    honest = scanned.see

    def see(text: str) -> None:
        if target.exists():
            read.append(zxingcpp.read_barcodes(Image.open(target).convert("L"))[0].text)
        honest(text)

    scanned.see = see  # type: ignore[method-assign]  # looks at the picture of the code before
    assert wallet("show", world.item, "--png", str(target), "--json").code == 0
    assert read == [scanned.codes[0]]
    assert not target.exists()


def test_on_a_screen_the_code_is_painted_over_and_counted_down(
    world: World, wallet: Wallet, window: Callable[..., Window], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    window(at=2)
    done = wallet("show", world.item)
    assert done.out.count("\x1b[2J") == 2
    assert "\x1b[97;40m" in done.out
    assert "next code in" in done.err


def test_an_own_document_is_not_shown_by_a_code(world: World, wallet: Wallet) -> None:
    path: Path = world.stage.folder / "own"
    path.write_bytes(b"x")
    item = wallet("put", str(path), "--json").json["item"]
    world.stage.tick()
    syncing.sync(world.alice)
    assert wallet("show", item, "--json").problem == "show_own"


def collected(world: World) -> tuple[Collecting, wire.Show]:
    """A session that the bank has collected, and what the vault honestly says of it."""
    alice = world.alice
    shown = showing.Showing(alice, (open_item(alice, alice.store.items()[0]),))
    code = shown.draw()
    found = Window(world)
    found.see(code.text)
    return Collecting(shown), shown.wait(1)


def test_the_vaults_word_about_who_collected_is_checked(world: World) -> None:
    collecting, show = collected(world)
    assert collecting.check(show).agency.name == "City Bank"
    logged = show.logged
    assert logged is not None
    other = receipt(world, show=b"s" * 16, nonce=b"n" * 16)
    lies: list[tuple[dict[str, Any], str]] = [
        ({"state": "expired"}, "show_expired"),
        ({"receipt": None}, "show_expired"),
        ({"agency_card": None}, "show_card"),
        ({"agency_card": world.hr.card.to_json()}, "card_subject"),
        ({"logged": None}, "show_not_logged"),
        ({"proof": None}, "show_not_logged"),
        ({"logged": logged.model_copy(update={"object": None})}, "show_not_logged"),
        ({"receipt": other}, "receipt_session"),
        ({"receipt": receipt(world, show=collecting.id, nonce=b"n" * 16)}, "show_not_logged"),
        ({"receipt": receipt(world, show=collecting.id, nonce=b"n" * 16, aud=OTHER_LOG)}, "wrong_audience"),
        (
            {"receipt": receipt(world, show=collecting.id, nonce=b"n" * 16, iss=world.bank.urn.replace("31337", "1"))},
            "receipt_registry",
        ),
        (
            {"receipt": receipt(world, world.hr, show=collecting.id, nonce=b"n" * 16)},
            "not_a_reader",
        ),
    ]
    for change, code in lies:
        with pytest.raises(Exception, match=".") as caught:  # noqa: RUF043 (the code is what is compared)
            collecting.check(show.model_copy(update=change))
        assert getattr(caught.value, "code", None) == code, change


def test_a_compromised_collector_gets_nothing(world: World) -> None:
    collecting, show = collected(world)
    world.stage.chain.ledger(world.bank.account).set_compromised(1, world.stage.clock.now())
    with pytest.raises(Exception, match="compromised"):
        collecting.check(show)


def test_a_claim_set_without_anything_is_refused(world: World) -> None:
    from protocol.dcql import parse_query
    from tests.scenario_samples import QUERY

    collecting, _show = collected(world)
    query = copy.deepcopy({"credentials": [QUERY["credentials"][0]]})
    for claim in query["credentials"][0]["claims"]:
        claim["optional"] = True
    scenario = small_loan(world.authority, query=parse_query(query))
    with pytest.raises(Exception, match="nothing of this item"):
        collecting._check_scope(scenario, open_desk(world.alice).facts.agency(world.bank.account))


def test_codes_live_by_the_vaults_clock(world: World) -> None:
    session = world.stage.session("alice")
    lying = Lying(world.stage.transport)
    lying.rules["/v1/me/shows"] = lambda body: {**body, "expires": body["expires"] + 37}
    session.transport = lying
    shown = showing.Showing(session, (open_item(session, session.store.items()[0]),))
    key = session.keys.present(1).public_jwk()
    code = verify_show_code(shown.draw().text, key, origin=world.stage.vault.origin, now=world.stage.clock.now() + 37)
    assert code.iat == world.stage.clock.now() + 37


def test_a_delivery_that_the_vault_refuses_is_no_success(
    world: World, wallet: Wallet, window: Callable[..., Window]
) -> None:
    window()
    lying = Lying(world.stage.transport)
    lying.rules["/v1/me/shows"] = lambda body: (
        {**body, "state": "undelivered"} if body.get("state") == "delivered" else body
    )
    assert wallet("show", world.item, "--json", transport=lying).code == 1


def test_a_drawn_code_is_read_by_a_strangers_scanner() -> None:
    text = "OF1:" + "A1B2 $%*+-./" * 15
    rows = qr.modules(text)
    assert len(rows) == 49 + 2 * qr.BORDER
    lines = qr.blocks(text, colour=False).split("\n")
    image = Image.new("L", (len(lines[0]), 2 * len(lines)), 0)
    halves = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
    for y, line in enumerate(lines):
        for x, character in enumerate(line):
            image.putpixel((x, 2 * y), halves[character][0])
            image.putpixel((x, 2 * y + 1), halves[character][1])
    big = image.resize((image.width * 6, image.height * 6))
    assert zxingcpp.read_barcodes(big)[0].text == text
