"""Showing without a network: frames for the window that asked, or for whoever looks."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import zxingcpp
from PIL import Image

from client import qr
from client.pack import update_pack
from protocol.credential import open_credential, verify_presentation_binding
from protocol.encoding import b64u
from protocol.errors import Denied, Malformed, OneFileError, Unavailable
from protocol.offline import Assembly, is_one_way, open_message, parse_frame, whole_message
from protocol.recipients import X25519Identity
from protocol.request_code import REQUEST_LIFETIME_S, RequestCode, sign_request
from protocol.scenario import parse_scenario
from tests.unit.wallet_cli.conftest import Outcome, World, make_world
from tests.unit.wallet_cli.test_show_several import DIPLOMA
from tests.wallet_stage import Agency, Stage, card_of
from wallet_cli.services import offline_showing, tokens
from wallet_cli.services.opening import open_item
from wallet_cli.services.showing import Choice

Wallet = Callable[..., Outcome]
SECRET = X25519Identity(bytes(range(32)))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for this module: what a test shows, it shows once."""
    made = Stage(tmp_path_factory.mktemp("world"))
    yield make_world(made)
    made.close()


@pytest.fixture(scope="module")
def stage(world: World) -> Stage:
    return world.stage


class Nowhere(httpx2.BaseTransport):
    """No network."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("nobody is there", request=request)


class NoChain:
    def __getattr__(self, name: str) -> Any:
        raise Unavailable("chain_unreachable", "the chain does not answer: {reason}", reason=name)


def request(world: World, by: Agency | None = None, **changes: Any) -> str:
    """What the bank's window draws."""
    now, asker = world.stage.clock.now(), by or world.bank
    values: dict[str, Any] = {
        "agency": asker.account,
        "desk": 7,
        "nonce": secrets.token_bytes(16),
        "exp": now + REQUEST_LIFETIME_S,
        "sealing": SECRET.recipient().public,
        "iat": now,
        "scenario": parse_scenario(world.scenario_raw).hash,
        **changes,
    }
    return sign_request(RequestCode(**values), asker.present, origin=world.stage.vault.origin)


@pytest.fixture
def gone(world: World, wallet: Wallet) -> Callable[..., Outcome]:
    """The wallet after it has gathered its pack and left the network."""
    assert wallet("pack", "update", "--json").json["scenarios"] == 1

    def run(*argv: str) -> Outcome:
        return wallet(*argv, transport=Nowhere(), opener=lambda *_: NoChain())

    return run


def drawn(done: Outcome) -> list[str]:
    texts: list[str] = json.loads(done.err.splitlines()[-1])["frames"]
    return texts


def test_the_frames_that_answer_a_window_open_with_its_key_alone(world: World, gone: Wallet) -> None:
    nonce = secrets.token_bytes(16)
    done = gone("show", world.item, "--offline", "--request-text", request(world, nonce=nonce), "--json")

    assert done.code == 0, done.err
    assert (done.json["way"], done.json["agency_name"], done.json["desk"]) == ("two", "City Bank", 7)
    message = whole_message(drawn(done))
    credential = open_credential(open_message(message, SECRET))
    assert credential.named == ("/insured_region", "/months_paid")
    verify_presentation_binding(credential, aud=world.bank.urn, nonce=b64u(nonce))
    with pytest.raises(OneFileError):
        open_message(message, X25519Identity(bytes(32)))


def test_where_nobody_asks_only_what_is_named_is_shown_to_whoever_looks(world: World, gone: Wallet) -> None:
    assert gone("show", world.item, "--offline", "--json").problem == "show_claims_needed"
    done = gone("show", world.item, "--offline", "--claim", "/months_paid", "--json")
    message = whole_message(drawn(done))
    assert is_one_way(message)
    credential = open_credential(open_message(message, None))
    assert credential.named == ("/months_paid",)
    assert credential.sdjwt.key_binding is not None
    assert credential.sdjwt.key_binding.claims()["aud"] == world.stage.vault.origin


def test_a_document_that_is_named_is_told_by_its_name(world: World, gone: Wallet) -> None:
    told = gone("show", world.item, "--offline", "--claims", "/months_paid,/files/0").err
    assert "Claims: document: 证明.pdf, months paid" in told


def test_the_frames_take_turns_for_a_minute_and_their_pictures_go(
    world: World, gone: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    target: Path = world.stage.folder / "frame.png"
    read: list[str] = []
    turns: list[int] = []

    def look() -> None:
        turns.append(1)
        if len(turns) == 1:
            for path in sorted(world.stage.folder.glob("frame-*.png")):
                read.append(zxingcpp.read_barcodes(Image.open(path).convert("L"))[0].text)

    monkeypatch.setattr(world.stage.clock, "on_sleep", look)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    done = gone("show", world.item, "--offline", "--claim", "/months_paid", "--png", str(target))
    assert (done.code, len(turns)) == (0, 60)
    assert done.out.count("\x1b[2J") == 60
    assert "Ctrl-C" in done.err
    assert is_one_way(whole_message(read))
    assert list(world.stage.folder.glob("frame*")) == []


def test_once_each_frame_is_drawn_once(world: World, gone: Wallet) -> None:
    done = gone("show", world.item, "--offline", "--claim", "/months_paid", "--once")
    assert done.code == 0
    assert "nobody asked" in done.err
    assert "shown in " in done.out


def test_a_frame_has_at_most_version_16_at_level_l(world: World, gone: Wallet) -> None:
    done = gone("show", world.item, "--offline", "--claim", "/months_paid", "--once", "--json")
    sizes = [len(qr.modules(text)) - 2 * qr.BORDER for text in drawn(done)]
    assert max(sizes) <= 17 + 4 * 16


REFUSED: dict[str, tuple[Callable[[World], str], str]] = {
    "an old request": (
        lambda w: request(w, iat=w.stage.clock.now() - 70, exp=w.stage.clock.now() - 10),
        "request_expired",
    ),
    "drawn again by somebody else": (lambda w: request(w, w.hr, agency=w.bank.account), "request_signature"),
    "by an agency that is no reader": (lambda w: request(w, w.hr), "not_a_reader"),
    "for a scenario that the pack lacks": (lambda w: request(w, scenario=bytes(32)), "scenario_not_found"),
    "no request at all": (lambda _w: "OFR:00", "request_code"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_that_does_not_hold_is_refused_without_a_network_too(world: World, gone: Wallet, case: str) -> None:
    make, code = REFUSED[case]
    done = gone("show", world.item, "--offline", "--request-text", make(world), "--json")
    assert done.problem == code
    assert "frames" not in done.err


def test_without_a_pack_nobody_can_say_who_asks(world: World, wallet: Wallet) -> None:
    (world.alice.profile.folder / "pack.jws").unlink(missing_ok=True)
    asked = request(world)
    done = wallet("show", world.item, "--offline", "--request-text", asked, "--json", transport=Nowhere())
    assert done.problem == "pack_missing"
    assert wallet("show", world.item, "--request-text", asked).code == 2


def test_the_request_is_read_off_a_picture(world: World, gone: Wallet, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = world.stage.folder / "request.png"
    qr.write_png(request(world), picture)
    done = gone("show", world.item, "--offline", "--request", str(picture), "--once")
    assert "Asked by City Bank (bank), desk 7" in done.err
    with picture.open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": stream, "isatty": lambda _self: False})())
        assert gone("show", world.item, "--offline", "--request", "-", "--once").code == 0


def test_a_person_may_say_no(world: World, gone: Wallet) -> None:
    done = gone("show", world.item, "--offline", "--request-text", request(world), "--confirm", "--json")
    assert done.problem == "not_confirmed"


def test_one_item_is_shown_at_a_time(world: World) -> None:
    school = world.stage.issuer("School", ("diploma",))
    token = tokens.card_token(world.alice, school.account)
    item = school.issue(token, card_of(world.alice), kind="diploma", fields=DIPLOMA, documents=())
    world.stage.tick()
    from wallet_cli.services import syncing

    syncing.sync(world.alice)
    both = tuple(open_item(world.alice, world.alice.store.item(name)) for name in (b64u(item), world.item))
    with pytest.raises(Denied) as caught:
        offline_showing.plan(world.alice, Choice(both, (), optional=False), None)
    assert caught.value.code == "show_offline_one"


def test_the_age_of_the_pack_is_told(world: World, gone: Wallet) -> None:
    before = world.stage.clock.time
    world.stage.clock.time += 3600
    told = gone("pack", "show")
    world.stage.clock.time = before
    assert (told.code, "1h" in told.out) == (0, True)
    assert gone("pack", "update", "--json").problem in {"chain_unreachable", "pack_needs_chain", "no_facts"}


def test_frames_that_lack_one_make_no_message(world: World, gone: Wallet) -> None:
    texts = drawn(gone("show", world.item, "--offline", "--claim", "/months_paid", "--once", "--json"))
    with pytest.raises(Malformed) as caught:
        whole_message(texts[:-1])
    assert caught.value.code == "offline_frames_missing"
    seen = Assembly()
    assert seen.progress() == (0, 0)
    seen.add(parse_frame(texts[0]))
    assert seen.progress() == (1, len(texts))


def test_a_pack_is_gathered_by_a_holder_as_by_an_agency(world: World) -> None:
    made = update_pack(world.alice)
    assert "City Bank" in {agency.facts.name for agency in made.facts.agencies}
    assert len(made.lists) >= 1
