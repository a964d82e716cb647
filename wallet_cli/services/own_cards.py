"""The present keys of our own key cards, of those too whose roots were dropped (``dropped.json``)."""

from __future__ import annotations

from client.files import read_json, write_json
from client.session import Session
from protocol.jose import PublicJwk

DROPPED_FILE = "dropped.json"


def own_keys(session: Session) -> list[PublicJwk]:
    """Every key that may have signed for this dossier, oldest first."""
    made = range(session.keys.oldest, session.party.card_seq + 1)
    return _dropped(session) + [session.keys.present(seq).public_jwk() for seq in made]


def remember(session: Session, first: int) -> None:
    """Keep the public keys of the cards before ``first``, whose roots are about to be forgotten."""
    gone = range(session.keys.oldest, first)
    keys = _dropped(session) + [session.keys.present(seq).public_jwk() for seq in gone]
    kept = [key.to_json() for key in dict.fromkeys(keys)]
    write_json(session.profile.folder / DROPPED_FILE, {"v": 1, "keys": kept})


def _dropped(session: Session) -> list[PublicJwk]:
    path = session.profile.folder / DROPPED_FILE
    return [PublicJwk.from_json(value) for value in read_json(path)["keys"]] if path.exists() else []
