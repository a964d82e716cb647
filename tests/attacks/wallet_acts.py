"""What a holder does with a wallet while the vault lies, and what must be true of what comes out."""

from __future__ import annotations

from client.checks import open_desk
from protocol.encoding import unb64u
from tests.attacks.wallet_acts_items import (
    Act,
    cardless,
    chainless,
    check_claim,
    check_document,
    check_export,
    check_grant,
    check_grants,
    check_revoked,
    check_sealed,
    check_sync,
    check_verified,
    export,
    exported,
    fresh_grant,
    grant,
    offline_grant,
    open_document,
    revoke,
    truth_of,
    unsynced,
    verify,
    without_payloads,
)
from tests.attacks.wallet_acts_uses import (
    check_deleted,
    check_epoch,
    check_invited,
    check_log,
    check_opened,
    check_put,
    check_renewed,
    check_scenarios,
    check_shown,
    check_uses,
    check_view,
    delete,
    deposited,
    invite,
    list_uses,
    nothing_to_check,
    put,
    refuse,
    show,
    synced,
    without_log,
)
from tests.attacks.wallet_world import Theatre
from wallet_cli.services import (
    claiming,
    health,
    registration,
    revoking,
    scenarios,
    syncing,
)

LOGGED = ("checkpoint", "consistency", "proof", "tile")  # whatever was just written is looked for in the log

SYNC = ("log", "checkpoint", "consistency", "proof", "items", "payload", "agencies")

ACTS: dict[str, Act] = {
    "sync": Act(
        SYNC,
        lambda _theatre, session: syncing.sync(session),
        check_sync,
    ),
    "first sync": Act(
        ("log", "checkpoint", "proof", "items", "payload", "agencies"),
        lambda _theatre, session: syncing.sync(session),
        check_sync,
        unsynced,
    ),
    "deep sync": Act(
        SYNC,
        lambda _theatre, session: syncing.sync(session, deep=True),
        check_sync,
    ),
    "claim": Act(
        ("status_list", "agency", "payload", "state", *LOGGED),
        lambda theatre, session: claiming.claim(session, [theatre.item]),
        check_claim,
        cardless,
    ),
    "open": Act(("payload",), open_document, check_document, without_payloads),
    "export": Act(
        ("checkpoint", "consistency", "proof", "status_list", "agency", "payload"), export, check_export, cardless
    ),
    "verify": Act(("status_list",), verify, check_verified, exported),
    "grant": Act(("scenarios", "info", "agency", "card", "post_grant", *LOGGED), grant, check_grant, cardless),
    "grant without the chain": Act(
        ("scenarios", "info", "checkpoint", "consistency", "proof", "tile", "card"), offline_grant, check_sealed, chainless
    ),
    "grants": Act(("my_grants", *SYNC), lambda _theatre, session: revoking.listed(session), check_grants, fresh_grant),
    "revoke": Act(("my_grants", "revoke", "relay"), revoke, check_revoked, fresh_grant),
    "uses": Act(("checkpoint", "proof", "agency"), list_uses, check_uses, synced),
    "show": Act(
        ("open_show", "my_show", "scenario", "agency", "checkpoint", "consistency", "proof", "tile", "card", "present"),
        show,
        check_shown,
        cardless,
    ),
    "refuse": Act(("open_show", "refuse_show"), refuse, nothing_to_check),
    "put": Act(("info", "card", "upload", "deposit", *LOGGED), put, check_put),
    "delete": Act(("delete_item", *LOGGED), delete, check_deleted, deposited),
    "view": Act(("me", "card"), lambda _theatre, session: registration.view(session), check_view),
    "renew": Act(
        ("card", "relay", "put_card"),
        lambda _theatre, session: registration.renew_card(session, revoke_older=False),
        check_renewed,
        Theatre.opened,
    ),
    "end all grants": Act(
        ("relay",), lambda _theatre, session: registration.end_all_grants(session), check_epoch, Theatre.opened
    ),
    "init": Act(
        ("relay", "open_dossier"),
        lambda _theatre, session: registration.open_dossier(session),
        check_opened,
        Theatre.newcomer,
    ),
    "restore": Act(("card",), lambda _theatre, session: registration.adopt_newest_card(session), nothing_to_check),
    "invite": Act(("card",), invite, check_invited),
    "learn the log": Act(("info",), lambda _theatre, session: session.log, check_log, without_log),
    "scenarios": Act(
        ("scenarios", "agency"),
        lambda _theatre, session: scenarios.listed(session, open_desk(session), None, ready=True),
        check_scenarios,
        cardless,
    ),
    "doctor": Act(
        ("info", "checkpoint", "consistency"), lambda _theatre, session: health.examine(session), nothing_to_check
    ),
    "one grant": Act(("my_grant",), lambda theatre, session: session.api.my_grant(theatre.grant), nothing_to_check),
    "one item": Act(("item",), lambda theatre, session: session.api.item(unb64u(theatre.item)), nothing_to_check),
}

__all__ = ["ACTS", "Act", "truth_of"]
