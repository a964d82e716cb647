"""A reader's word that it stamped a copy of what a use handed it: logged in the dossier of that use.

The holder finds it in the dossier's history beside the use itself. The statement carries a commitment and no purpose.
It goes the way of everything that an agency says (``said.py``), by a route of its own, and is counted by grant or show.
"""

from __future__ import annotations

from dataclasses import replace

from protocol.errors import Malformed
from vault_api.callers import Agency
from vault_api.services.said import check_word, log_said, stamp_key, use_of
from vault_api.vault import Vault
from vault_api.writes import Answer, write

MAX_STAMPS = 100  # of one grant or show: who needs more asks for another use


def add_stamp(vault: Vault, agency: Agency, raw: str) -> Answer:
    """Log a statement of kind ``stamp`` about a receipt that this agency signed and that is in the log.

    Raises ``Malformed`` for a statement of another kind, ``Untrusted`` for another's, and
    ``Denied("receipt_unknown")`` unless a use of this very agency was logged for the receipt.
    """
    signed = check_word(vault, agency, raw)
    if signed.body.kind != "stamp" or signed.body.item is not None:
        raise Malformed("stamp_statement", "expected a statement of kind stamp, about a receipt alone")
    with vault.engine.connect() as conn:  # a use stays as it was logged: the writer need not look for it
        use = use_of(conn, vault, agency, signed.body)
    subject = replace(use, key=stamp_key(use))
    # commit point: statement (docs/spec/durability.md §2)
    return write(vault.sequencer, agency.signature, lambda tx: log_said(tx, agency, signed, subject, MAX_STAMPS))
