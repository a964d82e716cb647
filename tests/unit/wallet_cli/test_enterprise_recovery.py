"""An enterprise whose phrase, devices and key ring file are lost: its guardians bring control and content back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.wallet_cli.circle import GUARDIANS, Circle, Wallet, make_circle
from tests.unit.wallet_cli.conftest import granted, make_world
from tests.wallet_stage import Stage
from wallet_cli.services import rotating


@pytest.fixture
def firm(stage: Stage, wallet: Wallet) -> Circle:
    """The world's holder is an enterprise, guarded by three people."""
    circle = make_circle(make_world(stage, kind="enterprise"), wallet)
    circle.name()
    circle.accept()
    return circle


def lost(firm: Circle) -> None:
    """Nothing of the enterprise is left on any machine."""
    shutil.move(firm.world.alice.profile.folder, firm.file("lost device"))


def recovered(firm: Circle, *more: str) -> None:
    asked = firm.start("--kind", "enterprise")
    for name in GUARDIANS[:2]:
        firm.approve(name, asked["match_number"])
    assert firm.finish(*GUARDIANS[:2])["state"] == "waiting"
    assert firm.finish(more=("--wait", "2m", *more))["state"] == "done"


def opens_everything(firm: Circle, profile: str) -> None:
    firm.run("--profile", profile, "sync")
    (item,) = firm.run("--profile", profile, "items")["items"]
    out = firm.file(f"{profile}.pdf")
    assert firm.wallet("--profile", profile, "open", item["item"], "--to", out).code == 0
    assert Path(out).read_bytes().startswith(b"%PDF")


def test_an_enterprise_gets_control_and_content_back_from_its_guardians(firm: Circle) -> None:
    grant = granted(firm.world, firm.wallet)
    lost(firm)
    recovered(firm)
    opens_everything(firm, "anew")
    (row,) = firm.run("--profile", "anew", "grants")["grants"]
    assert (row["grant"], row["agency_name"]) == (grant, "City Bank")
    assert firm.run("--profile", "anew", "dossier")["kind"] == "enterprise"
    session = firm.stage.session("anew")
    assert session.ledger.dossier(session.party.subject).controller == session.keys.hot.address
    again = ("grant", "--agency", "City Bank", "--scenario", "small-loan", "--for", "1d", "--uses", "1")
    assert firm.run("--profile", "anew", *again, "--yes")["grant"]
    shutil.move(firm.file("lost device"), firm.world.alice.profile.folder)
    assert firm.run("sync", refused=True) == "signature_key_old"
    restored(firm)


def restored(firm: Circle) -> None:
    """The new phrase alone makes another device, with the key ring's file and without."""
    phrase = ("--phrase-file", firm.file("new.phrase"), "--phrase-language", "en")
    ring = firm.stage.session("anew").profile.folder / "keyring.age"
    for name, more in (("with", ("--keyring", str(ring))), ("without", ())):
        made = firm.run("--profile", name, "restore", "--kind", "enterprise", *phrase, *more)
        assert (made["state"], made["kind"], made["dossier"]) == ("restored", "enterprise", firm.dossier)
    opens_everything(firm, "without")


def test_roots_from_before_the_shared_one_come_back_to_an_enterprise(firm: Circle) -> None:
    rotating.rotate_root(firm.world.alice)
    firm.stage.tick()
    firm.run("guardians", "share")
    firm.accept()
    tag = firm.world.alice.keys.tag_key.unsafe_bytes
    lost(firm)
    recovered(firm, "--keep-older")
    opens_everything(firm, "anew")
    assert firm.stage.session("anew").keys.tag_key.unsafe_bytes == tag
