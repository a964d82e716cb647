"""Is the recovery phrase on paper the one of this wallet? Compared, never kept: nothing is written or sent."""

from __future__ import annotations

from client.session import Session
from protocol.errors import Denied
from protocol.hashing import same
from protocol.keys import Mnemonic, cold_account, hot_account, person_root


def check_phrase(session: Session, phrase: str) -> None:
    """Raise ``Denied("phrase_other")`` unless ``phrase`` makes this dossier's owner, controller and (of a person) root.

    ``Malformed`` for what is no phrase of the word list that the profile names. An enterprise needs its key ring
    beside the phrase: its root does not follow from it.
    """
    party, keys = session.party, session.keys
    found = Mnemonic(phrase, party.language)
    words, language, index = found.unsafe_phrase, found.language, party.index
    right = same(cold_account(words, language, index).address, party.owner)
    right = right and same(hot_account(words, language, index).address, party.controller)
    if right and party.kind == "person":
        right = same(person_root(words, language, index).unsafe_bytes, keys.roots[0].root.unsafe_bytes)
    if not right:
        raise Denied("phrase_other", "this recovery phrase is whole, and belongs to another wallet")
