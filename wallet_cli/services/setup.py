"""From a phrase to a profile: keys, accounts, dossier id, and the messages that open the dossier.

The phrase and the cold key live only while the profile is made. What the owner must sign to open the dossier
is signed at once and kept as ``opening.json`` (signatures, no secret), so that an opening that the network cut
off can be sent again within a day without the phrase.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from chain.deployment import Deployment
from client import deployment as deployments
from client.files import write_json, write_private
from client.keystore import Keys, write_keys
from client.profile import Kind, Party
from client.session import Session
from protocol.dossier_messages import OpenDossier
from protocol.encoding import hex0x
from protocol.errors import Conflict, Malformed
from protocol.hashing import sha256
from protocol.identifiers import dossier_id
from protocol.keycard import KeyCardEnvelope, first_card, seal_card
from protocol.keyring import KeyRing, RingRoot, open_ring, seal_ring
from protocol.keys import (
    AccountKey,
    Mnemonic,
    Root,
    cold_account,
    derive_revoke_key,
    derive_sealing,
    derive_tag_key,
    hot_account,
    person_root,
    random_root,
)
from protocol.recipients import Passphrase

OPENING_LIFETIME_S = 86_400
RING_FILE = "keyring.age"
OPENING_FILE = "opening.json"


@dataclass(frozen=True, slots=True)
class Fresh:
    """A holder that was just made; ``ring`` is the key ring file of an enterprise, None for a person."""

    keys: Keys
    cold: AccountKey
    party: Party
    ring: bytes | None = None


def opening_salt(owner: bytes) -> bytes:
    """The salt of a holder's dossier: it follows from the owner, so that the phrase alone finds the dossier."""
    return sha256(b"onefile/dossier-salt/v1", owner)


def make(
    phrase: Mnemonic,
    *,
    kind: Kind,
    index: int,
    record: Deployment,
    vault_url: str,
    ring: bytes | None = None,
) -> Fresh:
    """The holder behind ``phrase``. An enterprise's root is random; ``ring`` brings an existing one back."""
    words, language = phrase.unsafe_phrase, phrase.language
    person = person_root(words, language, index)
    hot, cold = hot_account(words, language, index), cold_account(words, language, index)
    registry = record.contracts.dossier_registry
    salt = opening_salt(cold.address)
    subject = dossier_id(record.chain_id, registry, cold.address, salt)
    root, ring_file = person, None
    if kind == "enterprise":
        root, ring_file = _enterprise_root(person, subject, ring)
    elif ring is not None:
        raise Malformed("ring_kind", "a person's keys follow from the phrase; a key ring is an enterprise's")
    party = Party(
        kind=kind,
        subject=subject,
        owner=cold.address,
        controller=hot.address,
        salt=salt,
        index=index,
        language=language,
        chain_id=record.chain_id,
        registry=registry,
        vault_url=vault_url,
    )
    return Fresh(Keys.first(kind, root, hot), cold, party, ring_file)


def save(session: Session, fresh: Fresh, passphrase: Passphrase, record: Deployment) -> None:
    """Write the profile: key store first, so that nothing public stands for keys that are not kept."""
    if session.profile.party_file.exists() or session.profile.key_file.exists():
        raise Conflict("file_exists", "{path} exists already and is not replaced", path=str(session.profile.folder))
    session.profile.make()
    write_keys(session.profile.key_file, fresh.keys, passphrase, session.settings.scrypt_log_n)
    if fresh.ring is not None:
        write_private(session.profile.folder / RING_FILE, fresh.ring)
    deployments.pin(session.profile, record)
    session.save_party(fresh.party)
    session.use_keys(fresh.keys)


def sign_opening(session: Session, fresh: Fresh) -> None:
    """Have the owner sign the opening and keep the signed messages until they are sent."""
    now = session.clock.now()
    domain = deployments.dossier_domain(session.deployment)
    party, keys = fresh.party, fresh.keys
    message = OpenDossier(party.owner, party.controller, party.salt, now + OPENING_LIFETIME_S)
    card = first_envelope(session, keys, party, now)
    write_json(
        session.profile.folder / OPENING_FILE,
        {
            "v": 1,
            "message": message.to_json(),
            "owner_signature": hex0x(fresh.cold.sign_digest(message.digest(domain))),
            "card": json.loads(card.raw),
        },
    )


def first_envelope(session: Session, keys: Keys, party: Party, now: int) -> KeyCardEnvelope:
    """The first key card of a dossier, signed by its controller and by its present key."""
    domain = deployments.dossier_domain(session.deployment)
    sealing = keys.sealing(1).recipient().public
    card = first_card(party.subject, keys.present(1).public_jwk(), sealing, valid_from=now)
    return seal_card(card, domain, keys.present(1), sealing, keys.hot.sign_digest(card.digest(domain)))


def _enterprise_root(person: Root, dossier: bytes, ring: bytes | None) -> tuple[Root, bytes]:
    """The root of an enterprise, and the ring file that its first member (this phrase) opens."""
    member = derive_sealing(person, 1)
    if ring is not None:
        found = open_ring(ring, [member])
        if found.dossier != dossier:
            raise Malformed("ring_dossier_other", "the key ring is of another dossier than this phrase's")
        return found.roots[-1].root, ring
    root = random_root()
    made = KeyRing(dossier, (RingRoot(1, root),), derive_tag_key(root), derive_revoke_key(root))
    return root, seal_ring(made, [member.recipient()])
