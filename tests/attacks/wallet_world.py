"""A wallet that is lied to: its world, its acts, and what is true in it.

``Theatre`` has one holder with issued items, an own document, a grant and a use, and a second holder. Every act begins
with the profile as it was once synced, half-way through the history, so that a sync has something to do. ``lies`` then
asks the vault itself what is true, and compares everything that the profile keeps.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from client.checks import open_desk
from client.session import Session
from protocol import wire
from protocol.grant import GrantEnvelope
from protocol.keys import Mnemonic
from protocol.recipients import Passphrase
from tests.attacks.liar import Liar
from tests.desk import Desk, DeskTransport
from tests.stateful.rig import copied
from tests.unit.wallet_cli.conftest import World, make_world
from tests.unit.wallet_cli.receipts import receipt
from tests.wallet_stage import ORIGIN, Stage, card_of
from vault_api.build import Outside, build_vault
from vault_api.db.engine import settle
from vault_api.loops import Following, Housekeeping
from vault_api.publishing import Publishing
from wallet_cli.services import documents, enrolment, granting, syncing, tokens
from wallet_cli.services.granting import GrantOrder

CLAIM, DOCUMENT = "/months_paid", "/files/0"


@dataclass
class Scene:
    """A state of the whole world, to come back to: files, blobs, chain, clock, and what the theatre knows."""

    folder: Path
    root: bytes
    blobs: dict[str, bytes]
    blocks: list[Any]
    chain: Any
    time: float
    known: dict[str, Any]


class Theatre:
    """The world, and the profile of its holder as every act finds it.

    Each act is prepared once: then the world as it was left is laid again in a few milliseconds, before every lie.
    """

    def __init__(self, folder: Path) -> None:
        self._base = folder
        self._scenes: dict[str, tuple[Scene, Session]] = {}
        self._build()
        self._first = self._scene("first")

    def _build(self) -> None:
        folder = self._base / "world"
        self.stage = Stage(folder)
        self.desk = quickly(self.stage)
        self.world: World = make_world(self.stage)
        self.folder = folder
        self.keys = self.world.alice.keys
        self.bob = self.stage.holder("bob")
        self.world.hr.issue(tokens.card_token(self.bob, self.world.hr.account), card_of(self.bob))
        self.own = folder / "lease.txt"
        self.own.write_bytes(b"lease " * 50)
        self.grant = self._granted_and_used()
        syncing.sync(self.world.alice)
        self.liar = Liar(self.stage.transport)
        kept = folder / "kept"
        shutil.copytree(self.profile, kept)
        # What the kept profile has not seen yet: an item, an own document, a second use.
        self.world.hr.issue(None, card_of(self.world.alice), documents=())
        documents.put(self.world.alice, documents.PutOrder((self.own,), "lease"))
        self._use(self.grant)
        self.stage.tick()
        shutil.rmtree(self.profile)
        kept.rename(self.profile)
        self._published = self.stage.clock.now()
        self.truths: dict[tuple[bytes, bytes], Any] = {}  # by dossier and the root of the log

    @property
    def profile(self) -> Path:
        return self.world.alice.profile.folder

    @property
    def item(self) -> str:
        """The item that the kept profile has."""
        return self.world.item

    def close(self) -> None:
        self.stage.close()
        self.desk.close()

    # --- one act under lies -----------------------------------------------------------------------

    def rewind(self) -> None:
        """The world as it was first laid, and nothing but the truth from now on."""
        self._lay(self._first)

    def begin(self, act: Any) -> Session:
        """The session of an act that is about to begin, its preparations done."""
        name = f"act {id(act)}"
        if name not in self._scenes:
            self.rewind()
            session = act.prepare(self)
            self._scenes[name] = (self._scene(name), session)
            return session
        scene, before = self._scenes[name]
        self._lay(scene)
        made = self.stage.session(before.profile.name)
        made.use_keys(before.keys)
        made.transport, made.opener = before.transport, before.opener
        return made

    def begin_after(self, act: Any) -> Session:
        """The session of an act in a world where what has just been done stays done: only the wallets forget it."""
        at = self.stage.clock.time
        self._lay(self._first, vault=False)
        self.stage.clock.time = at
        session: Session = act.prepare(self)
        return session

    def _scene(self, name: str) -> Scene:
        settle(self.stage.vault.engine)  # so that the file is the database
        folder = self._base / "scenes" / name
        shutil.copytree(self.folder, folder)
        known = {key: value for key, value in vars(self).items() if key not in {"truths", "_scenes"}}
        chain, blobs = self.stage.chain, dict(self.stage.blobs.objects)
        root = self.stage.vault.log.head.root
        return Scene(folder, root, blobs, list(chain._blocks), copied(chain._world), self.stage.clock.time, known)

    def _lay(self, scene: Scene, *, vault: bool = True) -> None:
        """Lay a scene: the wallets, and unless nothing has happened there, the vault and the chain."""
        stage = self.stage
        if vault and (stage.vault.log.head.root, stage.chain._blocks) != (scene.root, scene.blocks):
            self._lay_vault(scene)
        shutil.rmtree(self.folder / "home" / "wallets")
        shutil.copytree(scene.folder / "home" / "wallets", self.folder / "home" / "wallets")
        for made in self.folder.glob("out*"):
            shutil.rmtree(made) if made.is_dir() else made.unlink()
        for kept in scene.folder.glob("out*"):
            (shutil.copytree if kept.is_dir() else shutil.copy)(kept, self.folder / kept.name)
        stage.clock.time = scene.time
        vars(self).update(scene.known)
        for told in (self.liar.lies, self.liar.instead, self.liar.told, self.liar.requests, self.liar.heard):
            told.clear()
        self.liar.after = None

    def _lay_vault(self, scene: Scene) -> None:
        """A vault is put together anew over what was stored, as after a restart."""
        stage = self.stage
        settings, place = stage.vault.settings, self.folder / "home" / "vault"
        stage.vault.sequencer.stop()
        stage.vault.engine.dispose()
        shutil.rmtree(place)
        shutil.copytree(scene.folder / "home" / "vault", place)
        stage.blobs.objects.clear()
        stage.blobs.objects.update(scene.blobs)
        stage.chain._blocks, stage.chain._world = list(scene.blocks), copied(scene.chain)
        stage.clock.time = scene.time
        stage.vault = build_vault(settings, Outside(stage.ledger, stage.vault.engine, stage.blobs, stage.clock))
        stage.vault.sequencer.start()
        stage.rounds = (Following(stage.vault), Publishing(stage.vault), Housekeeping(stage.vault))
        stage.rounds[0].round()
        self.desk.app.state.vault = stage.vault

    def publish(self) -> None:
        self.stage.clock.time += 1
        self.world.hr.publish_statuses()
        self._published = self.stage.clock.now()

    def session(self, *, honest: bool = False) -> Session:
        """The holder's session, which speaks to the liar."""
        made = self.stage.session("alice")
        made.transport = self.stage.transport if honest else self.liar
        made.use_keys(self.keys)
        return made

    def forget_cards(self) -> None:
        """No trust file: the cards of agencies must be asked for."""
        (self.profile / "trust.json").unlink()

    # --- grants and uses ----------------------------------------------------------------------------

    def order(self, **changes: Any) -> GrantOrder:
        values = {"agency": self.world.bank.account, "scenario": "small-loan", **changes}
        return GrantOrder(**values)

    def granted(self, session: Session) -> bytes:
        desk = open_desk(session)
        plan = granting.plan(session, desk, self.order())
        return granting.post(session, plan, granting.seal_grant(session, desk, plan))

    def _granted_and_used(self) -> bytes:
        grant = self.granted(self.world.alice)
        self.stage.tick()
        self._use(grant)
        return grant

    def _use(self, grant: bytes) -> None:
        from protocol.receipts import ReceiptItem

        row = self.world.bank.api.grant(grant)
        scope = GrantEnvelope.from_json(row.envelope).grant.scope
        items = tuple(ReceiptItem(part.item, part.claims, part.documents) for part in scope)
        raw = receipt(self.world, grant=grant, items=items)
        assert isinstance(self.world.bank.api.release(grant, raw), wire.Released)
        self.stage.tick()

    # --- another holder -------------------------------------------------------------------------------

    def newcomer(self) -> Session:
        """A profile of somebody new, whose opening is signed and not sent."""
        name = "new-" + secrets.token_hex(4)
        session = self.stage.session(name)
        order = enrolment.Order(kind="person", index=0, vault_url=ORIGIN, offline=True)
        enrolment.enrol(session, Mnemonic.generate("en"), Passphrase("pass"), order)
        made = self.stage.session(name)
        made.use_keys(session.keys)
        made.transport = self.liar
        return made

    def opened(self) -> Session:
        """Somebody new whose dossier is open."""
        from wallet_cli.services import registration

        session = self.newcomer()
        registration.open_dossier(session)
        self.stage.tick()
        again = self.stage.session(session.profile.name)
        again.use_keys(session.keys)
        again.transport = self.liar
        return again


class Front:
    """What a stage asks of its client."""

    def __init__(self, desk: Desk) -> None:
        self._transport = DeskTransport(desk)

    def __exit__(self, *_: object) -> None:
        """Nothing runs in between."""


def quickly(stage: Stage) -> Desk:
    """Let a stage be asked without threads in between: every lie costs tens of requests."""
    desk = Desk(stage.app.app)
    stage.app.__exit__(None, None, None)
    stage.app = Front(desk)  # type: ignore[assignment]  # the stage asks nothing else of it
    return desk


@contextmanager
def theatre(folder: Path) -> Iterator[Theatre]:
    made = Theatre(folder)
    try:
        yield made
    finally:
        made.close()
