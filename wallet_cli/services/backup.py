"""Is the recovery phrase on paper the one of this wallet? Compared, never kept: nothing is written or sent."""

from __future__ import annotations

from client.session import Session
from protocol.errors import Denied
from protocol.hashing import same
from protocol.keys import Mnemonic, cold_account


def check_phrase(session: Session, phrase: str) -> None:
    """Raise ``Denied("phrase_other")`` unless ``phrase`` makes this dossier's owner.

    ``Malformed`` for what is no phrase of the word list that the profile names. The owner alone is compared: after a
    rotation or a recovery the controller may be a later account of the phrase, and the roots are in the key ring.
    """
    party = session.party
    found = Mnemonic(phrase, party.language)
    if not same(cold_account(found.unsafe_phrase, found.language, party.index).address, party.owner):
        raise Denied("phrase_other", "this recovery phrase is whole, and belongs to another wallet")
