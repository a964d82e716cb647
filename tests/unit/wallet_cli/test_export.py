"""Exported folders, trust files and keys."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from client.checks import open_desk
from client.exportdir import read_folder
from client.toolkey import tool_key
from protocol import canonical
from protocol.encoding import b64u, unb64u
from protocol.entries import commitment_of
from protocol.envelope import open_joined
from protocol.errors import Malformed, Unavailable
from protocol.hashing import sha256
from protocol.recipients import HybridIdentity
from tests.unit.wallet_cli.conftest import Lying, Outcome, World
from tests.unit.wallet_cli.exports import exported, folders
from tests.wallet_stage import PDF

Wallet = Callable[..., Outcome]
__all__ = ["exported", "folders"]  # fixtures
FILES = {
    "credential.sd-jwt",
    "entry.json",
    "opening.json",
    "proof.tlog-proof",
    "checkpoint",
    "status.jwt",
    "facts.json",
    "slip.jwt",
    "证明.pdf.age",
}


def test_an_item_is_exported_with_everything_that_proves_it(world: World, wallet: Wallet, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    done = wallet("export", world.item, str(folder), "--json")
    assert done.code == 0
    assert set(done.json["files"]) == FILES
    assert {p.name for p in folder.iterdir()} == FILES
    again = wallet("export", world.item, str(folder), "--json")
    assert (again.code, again.problem) == (1, "folder_not_empty")
    assert "facts.json" in wallet("export", world.item, str(tmp_path / "two")).out


def test_the_parts_of_an_export_fit_each_other_without_our_programs(exported: tuple[World, Path, Wallet]) -> None:
    _world, path, _wallet = exported
    folder = path / "x"
    slip = (folder / "slip.jwt").read_bytes()
    opening = json.loads((folder / "opening.json").read_text())
    entry = json.loads((folder / "entry.json").read_text())
    assert unb64u(opening["object_sha256"]) == sha256(slip)
    assert unb64u(entry["c"]) == commitment_of(unb64u(opening["salt"]), sha256(slip))
    assert (folder / "proof.tlog-proof").read_bytes().endswith((folder / "checkpoint").read_bytes())


def test_the_printed_identity_opens_the_documents(exported: tuple[World, Path, Wallet]) -> None:
    _world, path, wallet = exported
    (text,) = wallet("keys", "--age-identity", "--json").json["age_identities"]
    assert wallet("keys", "--age-identity").out.strip() == text
    assert open_joined((path / "x" / "证明.pdf.age").read_bytes(), [HybridIdentity.parse(text)]) == PDF


def test_public_keys_are_shown_without_the_secret_one(exported: tuple[World, Path, Wallet]) -> None:
    _world, _path, wallet = exported
    shown = wallet("keys", "--json")
    assert shown.json["card_seq"] == 1
    assert "SECRET" not in shown.out
    assert "age1pq1" in wallet("keys").out


@pytest.mark.parametrize("name", ["x", "own"])
def test_a_folder_is_accepted_by_the_chain_without_any_profile(
    exported: tuple[World, Path, Wallet], name: str
) -> None:
    _world, path, wallet = exported
    done = wallet("verify", str(path / name), "--profile", "nobody", "--json")
    assert done.code == 0
    assert (done.json["conclusion"], done.json["own"]) == ("accept", name == "own")
    assert done.json["documents"][0]["status"] == "sealed"
    drawn = wallet("verify", str(path / name), "--profile", "nobody")
    assert "accepted" in drawn.out
    assert ("holder's own" in drawn.err) == (name == "own")


@pytest.mark.parametrize("name", ["x", "own"])
def test_with_the_identity_the_documents_contents_are_checked(
    exported: tuple[World, Path, Wallet], name: str
) -> None:
    _world, path, wallet = exported
    identity = path / "identity"
    identity.write_text("# mine\n" + wallet("keys", "--age-identity").out + "\n")
    done = wallet("verify", str(path / name), "--age-identity", str(identity), "--json")
    assert done.json["documents"][0]["status"] == "opened"


def test_a_folder_alone_is_never_accepted(exported: tuple[World, Path, Wallet]) -> None:
    _world, path, wallet = exported
    for name in ("x", "own"):
        done = wallet("verify", str(path / name), "--offline", "--profile", "nobody", "--json")
        assert (done.code, done.json["conclusion"]) == (7, "indeterminate")


def test_offline_the_trust_file_of_this_machine_is_enough(exported: tuple[World, Path, Wallet]) -> None:
    world, path, wallet = exported
    trust = path / "trust.jwt"
    made = wallet("trust", "--write", str(trust), "--json").json
    assert made["dossiers"] == ["0x" + world.alice.party.subject.hex()]
    for name in ("x", "own"):
        done = wallet("verify", str(path / name), "--offline", "--trust", str(trust), "--profile", "nobody", "--json")
        assert (done.code, done.json["conclusion"]) == (0, "accept")
        assert wallet("verify", str(path / name), "--offline", "--json").code == 0  # the profile's own


def test_offline_an_old_status_is_unknown_and_not_good(exported: tuple[World, Path, Wallet]) -> None:
    world, path, wallet = exported
    world.stage.clock.time += 3601
    done = wallet("verify", str(path / "x"), "--offline", "--json")
    world.stage.clock.time -= 3601
    assert (done.code, done.json["conclusion"]) == (7, "indeterminate")


def test_a_trust_file_by_somebody_else_is_not_ours(exported: tuple[World, Path, Wallet]) -> None:
    _world, path, wallet = exported
    trust = path / "trust.jwt"
    signer = wallet("trust", "--write", str(trust), "--json").json["signer"]
    home = path / "other"
    home.mkdir()
    shutil.copy(_world.stage.home / "deployment.json", home / "deployment.json")
    args = ("verify", str(path / "x"), "--offline", "--trust", str(trust), "--json")
    assert wallet(*args, ONEFILE_HOME=str(home)).problem == "trust_signer"
    assert wallet(*args, "--signer", signer, ONEFILE_HOME=str(home)).code == 0
    assert wallet(*args[:-2], str(path / "none"), "--json").problem == "trust_missing"
    raw = bytearray(trust.read_bytes())
    raw[-20] ^= 1
    trust.write_bytes(bytes(raw))
    assert wallet(*args).code == 3


def test_without_the_chain_no_trust_file_is_made(exported: tuple[World, Path, Wallet]) -> None:
    world, path, wallet = exported
    world.stage.chain.faults.fail("head", times=1, error=Unavailable("chain_unreachable", "gone"))
    done = wallet("trust", "--write", str(path / "t"), "--json")
    assert (done.code, done.problem) == (7, "chain_unreachable")
    assert not (path / "t").exists()


def test_a_trust_file_covers_the_dossiers_that_were_named(exported: tuple[World, Path, Wallet]) -> None:
    world, _path, wallet = exported
    known, unknown = "0x" + world.alice.party.subject.hex(), "0x" + "9" * 64
    made = wallet("trust", "--profile", "nobody", "--dossier", known, "--dossier", unknown, "--json").json
    assert made["dossiers"] == [known]
    assert made["files"] == []
    assert "Agencies" in wallet("trust").out


def change(path: Path, name: str, edit: Callable[[bytes], bytes]) -> None:
    target = path / name
    target.write_bytes(edit(target.read_bytes()))


def flipped(raw: bytes) -> bytes:
    return raw[:-5] + bytes([raw[-5] ^ 1]) + raw[-4:]


@pytest.mark.parametrize(
    ("name", "edit", "code"),
    [
        ("credential.sd-jwt", lambda raw: raw.replace(b"~", b"~AAAA~", 1), 3),
        ("slip.jwt", lambda raw: raw[:-3] + b"AAA", 3),
        ("entry.json", lambda raw: raw.replace(b'"t":"issue"', b'"t":"grant"'), 3),
        ("opening.json", lambda raw: raw.replace(b'"salt":"', b'"salt":"A')[: len(raw)], 3),
        ("证明.pdf.age", flipped, 3),
        ("facts.json", lambda raw: raw.replace(b'"item_salt": "', b'"item_salt": "_'), 3),
        ("checkpoint", lambda _raw: b"anything", 0),
    ],
)
def test_a_changed_part_is_found_out(
    exported: tuple[World, Path, Wallet], name: str, edit: Callable[[bytes], bytes], code: int
) -> None:
    _world, path, wallet = exported
    change(path / "x", name, edit)
    done = wallet("verify", str(path / "x"), "--json")
    assert done.code == code, done.err


@pytest.mark.parametrize("name", ["slip.jwt", "entry.json", "proof.tlog-proof"])
def test_an_incomplete_folder_is_named(exported: tuple[World, Path, Wallet], name: str) -> None:
    _world, path, wallet = exported
    (path / "x" / name).unlink()
    assert wallet("verify", str(path / "x"), "--json").problem == "export_incomplete"


def test_a_folder_that_is_none_is_not_found(exported: tuple[World, Path, Wallet]) -> None:
    _world, path, wallet = exported
    (path / "empty").mkdir()
    done = wallet("verify", str(path / "empty"), "--json")
    assert (done.code, done.problem) == (6, "export_not_found")


def test_documents_that_are_missing_or_others_are_named(exported: tuple[World, Path, Wallet]) -> None:
    _world, path, wallet = exported
    facts = json.loads((path / "x" / "facts.json").read_text())
    (path / "x" / "facts.json").write_text(json.dumps({**facts, "documents": []}))
    done = wallet("verify", str(path / "x"), "--json")
    assert (done.code, done.json["documents"][0]["code"]) == (3, "document_not_exported")
    shutil.copy(path / "own" / "lease.txt.age", path / "x" / "证明.pdf.age")
    (path / "x" / "facts.json").write_text(json.dumps(facts))
    done = wallet("verify", str(path / "x"), "--json")
    assert done.json["documents"][0]["code"] == "document_sealed_other"
    assert "WRONG" in wallet("verify", str(path / "x")).out


def test_a_garbled_slip_names_no_documents(exported: tuple[World, Path, Wallet]) -> None:
    _world, path, wallet = exported
    (path / "x" / "slip.jwt").write_text("a.b.c")
    assert wallet("verify", str(path / "x"), "--json").code == 3


def test_a_credential_that_withholds_a_document_is_named(exported: tuple[World, Path, Wallet]) -> None:
    _world, path, wallet = exported
    raw = (path / "x" / "credential.sd-jwt").read_text()
    (path / "x" / "credential.sd-jwt").write_text(raw.split("~")[0] + "~")
    done = wallet("verify", str(path / "x"), "--json")
    assert (done.code, done.json["documents"][0]["code"]) == (3, "documents_count")


def test_an_own_list_that_the_slip_does_not_commit_to_is_refused(exported: tuple[World, Path, Wallet]) -> None:
    _world, path, wallet = exported
    change(path / "own", "own.json", lambda raw: raw.replace(b'"title":"lease"', b'"title":"grant"'))
    done = wallet("verify", str(path / "own"), "--json")
    checks = {check["name"]: check["code"] for check in done.json["checks"]}
    assert (done.code, checks["format"]) == (3, "item_commitment")
    listed = json.loads((path / "own" / "own.json").read_text())
    (path / "own" / "own.json").write_bytes(canonical.dumps({**listed, "files": listed["files"] * 1}))
    facts = json.loads((path / "own" / "facts.json").read_text())
    (path / "own" / "facts.json").write_text(json.dumps({**facts, "dossier_cards": []}))
    checks = {c["name"]: c["code"] for c in wallet("verify", str(path / "own"), "--json").json["checks"]}
    assert checks["holder_binding"] == "slip_key"


def test_an_own_list_with_fewer_files_than_the_slip_is_named(exported: tuple[World, Path, Wallet]) -> None:
    world, path, wallet = exported
    exported_own = read_folder(path / "own")
    assert exported_own.own is not None
    from wallet_cli.services.verifying import _entry

    with pytest.raises(Exception, match="does not disclose document 5"):
        _entry(exported_own, 5)
    with pytest.raises(Exception, match="does not disclose document 5"):
        _entry(read_folder(path / "x"), 5)
    assert wallet is not None
    assert world is not None


def test_an_own_items_entry_is_checked_in_the_log(exported: tuple[World, Path, Wallet]) -> None:
    _world, path, wallet = exported
    opening = json.loads((path / "own" / "opening.json").read_text())
    (path / "own" / "opening.json").write_bytes(canonical.dumps({**opening, "salt": b64u(b"s" * 32)}))
    checks = {c["name"]: c["code"] for c in wallet("verify", str(path / "own"), "--json").json["checks"]}
    assert checks["anchor_inclusion"] == "entry_commitment"
    shutil.copy(path / "x" / "entry.json", path / "own" / "entry.json")
    checks = {c["name"]: c["status"] for c in wallet("verify", str(path / "own"), "--json").json["checks"]}
    assert checks["anchor_inclusion"] == "fail"


def test_a_wrong_identity_opens_nothing(exported: tuple[World, Path, Wallet]) -> None:
    _world, path, wallet = exported
    identity = path / "identity"
    identity.write_text(HybridIdentity(b"i" * 32).unsafe_text())
    done = wallet("verify", str(path / "x"), "--age-identity", str(identity), "--json")
    assert (done.code, done.json["documents"][0]["code"]) == (3, "no_identity")
    identity.write_bytes(b"\xff")
    assert wallet("verify", str(path / "x"), "--age-identity", str(identity), "--json").problem == "identity_file"


def test_a_plaintext_that_the_credential_does_not_name_is_found(exported: tuple[World, Path, Wallet]) -> None:
    _world, path, wallet = exported
    from wallet_cli.services import verifying

    (text,) = wallet("keys", "--age-identity", "--json").json["age_identities"]
    entry = verifying._entry(read_folder(path / "x"), 1)
    with pytest.raises(Exception, match="is not the one that the credential names"):
        verifying._check_plaintext(path / "own" / "lease.txt.age", entry, (HybridIdentity.parse(text),))


def test_when_the_vault_gives_no_status_the_folders_own_may_still_serve(
    exported: tuple[World, Path, Wallet]
) -> None:
    world, path, wallet = exported
    lying = Lying(world.stage.transport)
    lying.rules["/v1/status-lists"] = lambda _body: httpx2.Response(404)
    done = wallet("verify", str(path / "x"), "--json", transport=lying)
    assert (done.code, done.json["conclusion"]) == (0, "accept")


def test_without_chain_and_trust_file_nothing_is_known(exported: tuple[World, Path, Wallet]) -> None:
    world, path, wallet = exported
    world.stage.chain.faults.fail("head", times=1, error=Unavailable("chain_unreachable", "gone"))
    done = wallet("verify", str(path / "x"), "--profile", "nobody", "--json")
    assert (done.code, done.json["conclusion"]) == (7, "indeterminate")


def test_a_trust_file_of_another_deployment_is_refused(exported: tuple[World, Path, Wallet], tmp_path: Path) -> None:
    world, path, wallet = exported
    trust = path / "trust.jwt"
    wallet("trust", "--write", str(trust), "--json")
    home = tmp_path / "elsewhere"
    home.mkdir()
    record = json.loads((world.stage.home / "deployment.json").read_text())
    record["contracts"]["grant_registry"] = "0x" + "7" * 40
    record.pop("log", None)
    (home / "deployment.json").write_text(json.dumps(record))
    signer = tool_key(world.stage.home).public_jwk().kid()
    args = ("--offline", "--trust", str(trust), "--signer", signer, "--profile", "nobody", "--json")
    assert wallet("verify", str(path / "x"), *args, ONEFILE_HOME=str(home)).problem == "trust_other_chain"


@pytest.mark.parametrize(
    "edit",
    [
        lambda facts: {**facts, "v": 2},
        lambda facts: {**facts, "documents": [{"file": "../x", "name": "x", "payload": "A" * 43}]},
        lambda facts: {**facts, "documents": [{"file": ".x", "name": "x", "payload": "A" * 43}]},
        lambda facts: {**facts, "more": 1},
    ],
)
def test_garbled_facts_are_malformed(exported: tuple[World, Path, Wallet], edit: Callable[[Any], Any]) -> None:
    _world, path, _wallet = exported
    facts = json.loads((path / "x" / "facts.json").read_text())
    (path / "x" / "facts.json").write_text(json.dumps(edit(facts)))
    with pytest.raises(Malformed):
        read_folder(path / "x")


def test_text_that_is_not_ascii_is_malformed(exported: tuple[World, Path, Wallet]) -> None:
    _world, path, _wallet = exported
    (path / "x" / "credential.sd-jwt").write_bytes("错".encode())
    with pytest.raises(Malformed, match="not the text"):
        read_folder(path / "x")


def test_an_item_that_was_deleted_is_not_exported(exported: tuple[World, Path, Wallet]) -> None:
    import dataclasses

    from wallet_cli.services import exporting, opening

    world, path, _wallet = exported
    item = opening.open_item(world.alice, world.alice.store.items()[0])
    gone = dataclasses.replace(item, record=dataclasses.replace(item.record, slip=None))
    with pytest.raises(Exception, match="was deleted"):
        exporting.export(world.alice, open_desk(world.alice), gone, path / "gone")
    assert exporting._issuer_cards(open_desk(world.alice), gone) == ()
