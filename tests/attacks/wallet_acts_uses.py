"""What a wallet does with uses, shows, own documents and its dossier while its vault lies."""

from __future__ import annotations

import contextlib
import secrets

from agency_cli.services.parcels import open_parcel
from client.checks import open_desk
from client.session import Session
from protocol.encoding import b64u, hex0x, unb64u
from protocol.errors import OneFileError
from protocol.show_code import parse_show_code
from tests.attacks.wallet_acts_items import Found, check_parcel
from tests.attacks.wallet_truth import Truth
from tests.attacks.wallet_world import Theatre
from tests.unit.wallet_cli.receipts import receipt
from vault_api.db import tables as t
from wallet_cli.services import (
    documents,
    opening,
    syncing,
    tokens,
    usage,
)
from wallet_cli.services.collecting import Collecting
from wallet_cli.services.showing import Showing

# --- uses and shows -------------------------------------------------------------------------------


def synced(theatre: Theatre) -> Session:
    syncing.sync(theatre.session(honest=True))
    theatre.forget_cards()
    return theatre.session()


def list_uses(_theatre: Theatre, session: Session) -> Found:
    return usage.uses(session, open_desk(session))


def check_uses(theatre: Theatre, session: Session, truth: Truth, found: Found) -> None:
    from protocol.entries import Entry

    kinds = [Entry.parse(unb64u(row["logged"]["entry"])).t for row in truth.rows]
    walked = kinds[: session.store.log_head().head.n]
    assert len(found) == walked.count("access"), "a use is hidden"
    for use in found:
        if use.state == "pass":
            assert use.agency == hex0x(theatre.world.bank.account)
            assert use.agency_name == theatre.world.bank.name


def show(theatre: Theatre, session: Session) -> Found:
    item = opening.open_item(session, session.store.item(theatre.item))
    showing = Showing(session, (item,))
    code = showing.draw()
    theatre.shown = parse_show_code(code.text).code.session
    raw = receipt(theatre.world, show=theatre.shown, nonce=secrets.token_bytes(16))
    try:
        theatre.world.bank.api.collect(code.text, raw)
        seen = showing.wait(1)
        collecting = Collecting(showing)
        collector = collecting.check(seen)
        return collector, collecting.deliver(collector)
    except OneFileError:
        with contextlib.suppress(OneFileError):
            showing.refuse()
        raise


def check_shown(theatre: Theatre, session: Session, truth: Truth, found: Found) -> None:
    collector, delivered = found
    assert collector.agency.account == theatre.world.bank.account
    assert collector.card.hash == theatre.world.bank.card_hash
    assert collector.scenario.raw == theatre.world.scenario_raw
    got = theatre.world.bank.api.show(theatre.shown)
    assert delivered.state != "delivered" or got.presentation is not None, "the wallet says that it was handed over"
    if got.presentation is not None:
        parcel = open_parcel(unb64u(got.presentation), [theatre.world.bank.keys.sealing(1)])
        assert parcel.show == theatre.shown
        check_parcel(theatre, session, truth, parcel)


def refuse(theatre: Theatre, session: Session) -> Found:
    item = opening.open_item(session, session.store.item(theatre.item))
    showing = Showing(session, (item,))
    showing.refuse()
    return showing


# --- own documents --------------------------------------------------------------------------------


def put(theatre: Theatre, session: Session) -> Found:
    return documents.put(session, documents.PutOrder((theatre.own,), "another lease"))


def check_put(_theatre: Theatre, _session: Session, truth: Truth, record: Found) -> None:
    assert record.item in truth.items
    assert truth.items[record.item].index == record.index


def deposited(theatre: Theatre) -> Session:
    honest = theatre.session(honest=True)
    theatre.last_item = documents.put(honest, documents.PutOrder((theatre.own,), "to be gone")).item
    theatre.stage.tick()
    syncing.sync(honest)
    return theatre.session()


def delete(theatre: Theatre, session: Session) -> Found:
    return documents.delete(session, session.store.item(b64u(theatre.last_item)))


def check_deleted(_theatre: Theatre, _session: Session, truth: Truth, record: Found) -> None:
    assert truth.items[record.item].state == "deleted", "the wallet has forgotten what the vault still has"


# --- the dossier ----------------------------------------------------------------------------------


def check_view(theatre: Theatre, session: Session, truth: Truth, found: Found) -> None:
    state = theatre.stage.ledger.dossier(session.party.subject)
    assert state is not None
    assert (found.owner, found.controller) == (hex0x(state.owner), hex0x(state.controller))
    assert (found.card_seq, found.card_hash, found.grant_epoch) == (
        state.card_seq,
        hex0x(state.card_hash),
        state.grant_epoch,
    )
    assert found.dossier == hex0x(session.party.subject)
    assert found.events >= session.store.log_head().head.n, "the wallet shows fewer events than it has seen"


def check_renewed(theatre: Theatre, session: Session, _truth: Truth, card: Found) -> None:
    state = theatre.stage.ledger.dossier(session.party.subject)
    assert state is not None
    assert state.card_hash == card.hash, "the wallet says that its new card is published"
    assert session.party.card_seq == state.card_seq


def check_epoch(theatre: Theatre, session: Session, _truth: Truth, epoch: Found) -> None:
    state = theatre.stage.ledger.dossier(session.party.subject)
    assert state is not None
    assert state.grant_epoch == epoch, "the wallet says that all grants have ended"


def check_opened(theatre: Theatre, session: Session, _truth: Truth, _found: Found) -> None:
    assert session.party.opened
    assert theatre.stage.ledger.dossier(session.party.subject) is not None


def invite(theatre: Theatre, session: Session) -> Found:
    account = tokens.agency_account(session, theatre.world.bank.name)
    return account, tokens.card_token(session, account)


def check_invited(theatre: Theatre, _session: Session, _truth: Truth, found: Found) -> None:
    account, _token = found
    assert account == theatre.world.bank.account, "somebody else was invited"


def without_log(theatre: Theatre) -> Session:
    """A profile that has not learnt yet what its log is called."""
    from dataclasses import replace

    from client import deployment as deployments

    session = theatre.session()
    deployments.pin(session.profile, replace(deployments.pinned(session.profile), log=None))
    (theatre.profile / "log.json").unlink()
    return session


def check_log(theatre: Theatre, _session: Session, _truth: Truth, found: Found) -> None:
    assert (found.origin, found.vkey) == (theatre.stage.vault.origin, theatre.stage.vault.log.vkey)


def nothing_to_check(_theatre: Theatre, _session: Session, _truth: Truth, _found: Found) -> None:
    """What came out promises nothing; the profile is looked at all the same."""


def check_scenarios(theatre: Theatre, _session: Session, _truth: Truth, rows: Found) -> None:
    with theatre.stage.vault.engine.connect() as conn:
        true = {b64u(row.hash) for row in conn.execute(t.scenarios.select())}
    assert {row["hash"] for row in rows} <= true
