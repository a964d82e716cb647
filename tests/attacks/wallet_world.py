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
from pathlib import Path
from typing import Any

from client.checks import open_desk
from client.session import Session
from protocol import wire
from protocol.grant import GrantEnvelope
from protocol.keys import Mnemonic
from protocol.recipients import Passphrase
from tests.attacks.liar import Liar
from tests.unit.wallet_cli.conftest import World, make_world
from tests.unit.wallet_cli.receipts import receipt
from tests.wallet_stage import ORIGIN, Stage, card_of
from wallet_cli.services import documents, enrolment, granting, syncing, tokens
from wallet_cli.services.granting import GrantOrder

CLAIM, DOCUMENT = "/months_paid", "/files/0"


class Theatre:
    """The world, and the profile of its holder as every act finds it."""

    MOST_ENTRIES = 60  # of the log, before a new world is built: a long log makes every sync long

    def __init__(self, folder: Path) -> None:
        self._base, self._worlds = folder, 0
        self._build()

    def _build(self) -> None:
        self._worlds += 1
        folder = self._base / str(self._worlds)
        self.stage = Stage(folder)
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
        self._kept = folder / "kept"
        shutil.copytree(self.profile, self._kept)
        # What the kept profile has not seen yet: an item, an own document, a second use.
        self.world.hr.issue(None, card_of(self.world.alice), documents=())
        documents.put(self.world.alice, documents.PutOrder((self.own,), "lease"))
        self._use(self.grant)
        self.stage.tick()
        self._begun = self.stage.vault.log.size
        self._published = self.stage.clock.now()
        self.truths: dict[tuple[bytes, int], Any] = {}

    @property
    def profile(self) -> Path:
        return self.world.alice.profile.folder

    @property
    def item(self) -> str:
        """The item that the kept profile has."""
        return self.world.item

    def close(self) -> None:
        self.stage.close()

    # --- one act under lies -----------------------------------------------------------------------

    def rewind(self) -> None:
        """The profile as it was kept, and nothing but the truth from now on."""
        if self.stage.vault.log.size - self._begun > self.MOST_ENTRIES:
            self.close()
            self._build()
        shutil.rmtree(self.profile)
        shutil.copytree(self._kept, self.profile)
        for cached in self.folder.glob("out*"):
            shutil.rmtree(cached) if cached.is_dir() else cached.unlink()
        self.liar.lies.clear()
        self.liar.instead.clear()
        self.liar.told.clear()
        self.liar.requests.clear()
        if self.stage.clock.now() - self._published > 600:
            self.publish()

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


@contextmanager
def theatre(folder: Path) -> Iterator[Theatre]:
    made = Theatre(folder)
    try:
        yield made
    finally:
        made.close()
