"""Making an agency's profile: a random root, an account, and the chain that it belongs to."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from agency_cli.services.office import Office, save_office
from chain.deployment import Deployment
from client import deployment as deployments
from client.keystore import Keys, write_keys
from client.profile import Party
from client.session import Session
from protocol.errors import Conflict, Malformed
from protocol.hashing import ZERO32
from protocol.identifiers import agency_subject
from protocol.keys import AccountKey, random_root
from protocol.recipients import Passphrase


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made, and on which chain."""

    office: Office
    record: Deployment
    vault_url: str


def refuse_existing(session: Session) -> None:
    """Refuse before anything is asked or made."""
    if session.profile.exists() or session.profile.party_file.exists():
        raise Conflict("file_exists", "{path} exists already and is not replaced", path=str(session.profile.folder))


def enrol(session: Session, order: Order, passphrase: Passphrase) -> Party:
    """Write the profile: key store first, so that nothing public stands for keys that are not kept."""
    refuse_existing(session)
    keys = Keys.first("agency", random_root(), _random_account())
    account, registry = keys.hot.address, order.record.contracts.agency_registry
    party = Party(
        kind="agency",
        subject=agency_subject(account),
        owner=account,
        controller=account,
        salt=ZERO32,
        index=0,
        language="",
        chain_id=order.record.chain_id,
        registry=registry,
        vault_url=order.vault_url,
    )
    session.profile.make()
    write_keys(session.profile.key_file, keys, passphrase, session.settings.scrypt_log_n)
    deployments.pin(session.profile, order.record)
    save_office(session.profile, order.office)
    session.save_party(party)
    session.use_keys(keys)
    return party


def _random_account() -> AccountKey:
    while True:
        try:
            return AccountKey(secrets.token_bytes(32))
        except Malformed:  # pragma: no cover (one draw in 2^128 is no scalar of the curve)
            continue
