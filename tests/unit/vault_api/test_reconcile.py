"""A restored older state: seen, taken along from the blob store, deprived of what was revoked since, or refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from console.frame import invoke
from protocol.canonical import loads_object
from protocol.errors import Conflict, Untrusted
from protocol.note import Vkey, verify_checkpoint, verify_growth
from tests.kept import backed_up
from tests.kept_life import Life
from tests.vault_stage import T0, VaultStage, vault_stage
from vault_api import build, running
from vault_api.build import build_vault
from vault_api.clock import FixedClock
from vault_api.db import tables as t
from vault_api.db.engine import open_engine
from vault_api.fakes import MemoryBlobs
from vault_api.keeping.reconcile import compare, take_along
from vault_api.keeping.scrub import Damage, Pace, Scrubbed, scrub
from vault_api.keeping.standing import check_anchored
from vault_api.keeping.tail import find_tail
from vault_api.keeping.tiling import Tiling
from vault_api.log_store import PREFIX
from vault_api.main import cli


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Life:
    return Life(tmp_path_factory.mktemp("life"))


@pytest.fixture
def life(lived: Life, tmp_path: Path) -> Life:
    """The one life of all tests here, which write nothing to its chain; each has a second machine of its own."""
    lived.second = tmp_path / "second"
    return lived


def refuses_to_start(life: Life, home: Path) -> str:
    settings, outside = life.outside(home)
    with pytest.raises(Conflict) as found:
        build_vault(settings, outside)
    outside.engine.dispose()
    return found.value.code


def test_a_restored_state_does_not_serve_before_it_was_compared(life: Life) -> None:
    assert refuses_to_start(life, life.again(blobs=True)) == "not_reconciled"


def test_the_blob_store_takes_an_older_database_along_to_the_end_of_the_log(life: Life) -> None:
    home = life.again(blobs=True)
    _settings, outside = life.outside(home)
    standing = compare(life.parts(outside))
    assert (standing.anchored, standing.database, standing.found, standing.behind) == (
        life.longer, life.size, life.longer, 0,
    )  # fmt: skip
    outside.engine.dispose()
    done = life.reconciled(home)
    # A use and a revocation of dossiers that the backup knows; the third is of one that it does not.
    assert (done.taken_along, done.openings_lost) == (life.longer - life.size, 2)
    with vault_stage(home, chain=life.chain) as stage:
        assert stage.client.get("/readyz").json()["log"] == "ok"
        vkey = Vkey.parse(stage.vault.log.vkey)
        old = verify_checkpoint(life.head, stage.origin, vkey)
        proof = stage.vault.log.consistency(old.size, stage.vault.log.size)
        new = verify_checkpoint(stage.vault.log.head.note, stage.origin, vkey)
        verify_growth(old, new, proof)  # nobody who saw the longer log sees a fork


def test_uses_count_and_revocations_hold_that_only_the_log_still_knows(life: Life) -> None:
    home = life.again(blobs=True)
    assert life.reconciled(home).ended == 1  # the other one was ended by the nullifier on chain
    with vault_stage(home, chain=life.chain) as stage, stage.vault.engine.connect() as conn:
        rows = {bytes(row.grant_id): row for row in conn.execute(select(t.grants))}
        assert [rows[grant.id].ended_at is not None for grant in (*life.grants, life.others)] == [True, True, False]
        assert rows[life.others.id].uses == 1
        parcels = conn.execute(select(t.grant_parcels.c.parcel, t.grant_parcels.c.grant_row)).all()
        ended = {row.row for row in rows.values() if row.ended_at is not None}
        assert [row.parcel is None for row in parcels] == [row.grant_row in ended for row in parcels]


def test_a_public_object_whose_bytes_are_lost_keeps_its_place_in_the_chain_of_its_uri(life: Life) -> None:
    home = life.again(blobs=True)
    life.reconciled(home)
    with vault_stage(home, chain=life.chain) as stage:
        vault = stage.vault
        with vault.engine.connect() as conn:
            lost = conn.execute(select(t.public_entries.c.uri, t.public_entries.c.idx).where(
                t.public_entries.c.object == b"", t.public_entries.c.idx > 0
            )).all()  # fmt: skip
        assert [row.idx for row in lost] == [life.longer - 1]
        what = Scrubbed(vault.engine, vault.blobs, vault.ledger, stage.origin, vault.log.vkey)
        assert [found for found in scrub(what, Pace()) if isinstance(found, Damage)] == []


def test_a_tail_of_several_bundles_is_followed_through_them(tmp_path: Path) -> None:
    entries = [f'{{"{n}":0}}'.encode() for n in range(700)]
    blobs = MemoryBlobs()
    tiling = Tiling(len(entries), lambda path, data: blobs.put(PREFIX + path, data))
    for index, entry in enumerate(entries):
        tiling.add(index, entry)
    tiling.finish()
    engine = open_engine(f"sqlite:///{tmp_path}/some.db")
    t.metadata.create_all(engine, [t.entries])
    with engine.connect() as conn:
        for size in (0, 255, 256, 300, 700):
            conn.execute(t.entries.delete())
            rows = [{"idx": n, "entry": entry, "at": 1} for n, entry in enumerate(entries[:size])]
            if rows:
                conn.execute(t.entries.insert(), rows)
            assert list(find_tail(conn, blobs, size)) == entries[size:]
        conn.execute(t.entries.update().where(t.entries.c.idx == 699), {"entry": b"{}"})
        with pytest.raises(Untrusted):
            list(find_tail(conn, blobs, 700))
        blobs.objects.pop(PREFIX + "tile/entries/002.p/188")
        assert list(find_tail(conn, blobs, 700)) == []
    engine.dispose()


def test_what_was_never_anchored_is_taken_along_too(tmp_path: Path) -> None:
    life = Life(tmp_path, anchored=False)
    home = life.again(blobs=True)
    done = life.reconciled(home)
    # The revocation never reached the chain: both grants of its dossier end, as nobody knows which it was.
    assert (done.taken_along, done.ended) == (life.longer - life.size, 2)
    with vault_stage(home, chain=life.chain) as stage, stage.vault.engine.connect() as conn:
        live = conn.execute(select(t.grants.c.grant_id).where(t.grants.c.ended_at.is_(None))).scalars()
        assert [bytes(grant) for grant in live] == [life.others.id]
        anchored = stage.publish()
        assert anchored.size == stage.vault.log.size > life.longer


def test_the_loss_is_said_in_public_once(life: Life) -> None:
    home = life.again(blobs=True)
    said = life.reconciled(home).statement
    assert said is not None
    with vault_stage(home, chain=life.chain) as stage, stage.vault.engine.connect() as conn:
        row = conn.execute(select(t.public_entries).where(t.public_entries.c.idx == said)).one()
        assert (row._mapping["t"], row.uri) == ("loss", stage.origin)
        assert loads_object(bytes(row.object), what="loss") == {
            "v": 1, "origin": stage.origin, "size": said, "lost": 2, "at": T0,
        }  # fmt: skip
    again = life.reconciled(home)
    assert (again.statement, again.taken_along, again.ended) == (None, 0, 0)


def test_a_backup_as_new_as_the_chain_needs_no_blob_store(tmp_path: Path, stage: VaultStage) -> None:
    stage.holder()
    stage.publish()
    raw, _ = backed_up(stage)
    life = Life.__new__(Life)
    life.folder, life.second, life.chain, life.raw = tmp_path, tmp_path / "second", stage.chain, raw
    (tmp_path / "first" / "vault").mkdir(parents=True)
    for name in ("vault/log.key", "deployment.json"):
        shutil.copy(stage.folder / name, tmp_path / "first" / name)
    home = life.again(blobs=False)
    done = life.reconciled(home)
    assert (done.taken_along, done.openings_lost, done.ended) == (0, 0, 0)
    with vault_stage(home, chain=stage.chain) as second:
        assert second.holder("bob").dossier


def test_a_state_whose_end_is_nowhere_is_refused_and_unchanged(life: Life) -> None:
    home = life.again(blobs=False)
    _settings, outside = life.outside(home)
    assert compare(life.parts(outside)).behind == life.longer - life.size
    with pytest.raises(Conflict) as found:
        take_along(life.parts(outside))
    assert found.value.code == "log_lost"
    outside.engine.dispose()
    assert refuses_to_start(life, home) == "not_reconciled"


def test_an_older_database_that_was_only_copied_is_seen_at_the_start(life: Life) -> None:
    home = life.again(blobs=True)
    _settings, outside = life.outside(home)
    with outside.engine.connect() as conn, conn.begin():
        conn.execute(t.meta.delete().where(t.meta.c.name == "restored"))
    outside.engine.dispose()
    assert refuses_to_start(life, home) == "log_behind"
    assert life.reconciled(home).taken_along == life.longer - life.size


def test_a_chain_that_is_down_stops_no_vault_that_was_never_restored(stage: VaultStage) -> None:
    stage.chain.faults.fail("log_state")
    again = build_vault(stage.settings, stage.outside)
    assert again.log.size == stage.vault.log.size


def test_an_anchor_of_more_than_we_have_makes_the_vault_unready(stage: VaultStage) -> None:
    stage.publish()
    stage.follow()
    check_anchored(stage.vault.engine)
    with stage.vault.engine.connect() as conn, conn.begin():
        conn.execute(t.anchors.update(), {"size": 99})
    with pytest.raises(Conflict) as found:
        check_anchored(stage.vault.engine)
    assert found.value.code == "log_behind"


def test_another_history_is_not_mended(life: Life) -> None:
    home = life.again(blobs=True)
    _settings, outside = life.outside(home)
    with outside.engine.connect() as conn, conn.begin():
        raw = conn.execute(select(t.entries.c.entry).where(t.entries.c.idx == 2)).scalar_one()
        conn.execute(t.entries.update().where(t.entries.c.idx == 2), {"entry": bytes(raw)[:-1] + b"!"})
    for step in (compare, take_along):
        with pytest.raises(Untrusted) as found:
            step(life.parts(outside))
        assert found.value.code == "log_forked"
    outside.engine.dispose()


def test_the_command_says_where_a_state_stands_and_mends_it(
    life: Life, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = life.again(blobs=True)
    ledger = life.outside(home)[1].ledger
    monkeypatch.setenv("ONEFILE_HOME", str(home))
    monkeypatch.setattr(running, "connect", lambda _settings: ledger)
    monkeypatch.setattr(build, "SystemClock", lambda: FixedClock(T0))
    assert invoke(cli, ["reconcile", "--dry-run", "--json"], prog="vault-api") == 0
    assert json.loads(capsys.readouterr().out) == {
        "anchored": life.longer, "database": life.size, "found": life.longer, "marked": True, "behind": 0,
    }  # fmt: skip
    assert invoke(cli, ["reconcile", "--json"], prog="vault-api") == 0
    assert json.loads(capsys.readouterr().out)["taken_along"] == life.longer - life.size


def test_a_garbled_end_in_the_blob_store_is_not_believed(life: Life) -> None:
    home = life.again(blobs=True)
    settings, outside = life.outside(home)
    bundle = f"log/tile/entries/000.p/{life.longer}"
    raw = outside.blobs.get(bundle)
    assert raw is not None
    outside.blobs.put(bundle, raw[:-1] + b"!")
    assert compare(life.parts(outside)).behind == life.longer - life.size
    outside.blobs.put(bundle, raw[:-1])
    assert compare(life.parts(outside)).behind == life.longer - life.size
    outside.engine.dispose()
    assert settings.home == home
