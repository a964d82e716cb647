"""What to do next, by error code: one sentence each, translated when it is shown.

Programs add their own with ``register``; a later registration of the same code wins, so that
``wallet`` and ``agency`` may name their own commands.
"""

from __future__ import annotations

from collections.abc import Mapping

from console.i18n import N_, _
from protocol.errors import OneFileError, fill

_HINTS: dict[str, str] = {
    "chain_unreachable": N_("Check that the chain answers: `chain status`, and ONEFILE_RPC_URL."),
    "vault_unreachable": N_("Check that the vault runs and that its address is right: `doctor`."),
    "clock_behind": N_("The vault's clock runs behind the chain; try again in a minute."),
    "no_deployment": N_("Start a chain and deploy: `chain devnet`, then `chain deploy`; or name a deployment record."),
    "setting": N_("Mend the setting: docs/configuration.md lists all of them."),
    "wrong_passphrase": N_("Check the passphrase, the keyboard layout and the profile."),
    "busy": N_("Run the same command again in a moment: the vault has too much to do."),
    "too_many_requests": N_("Wait a little, and run the same command again."),
    "answer_late": N_("Run the same command again in a moment: the vault has too much to do."),
    "quota": N_("Wait, or use a voucher of an agency."),
    "storage_full": N_("Tell the operator of the vault; the same command goes on later, nothing was left half done."),
    "upload_quota": N_("Finish the uploads that are under way, or wait until they are forgotten."),
    "not_enough_disk": N_("Free some space and run the command again; nothing was left half done."),
}


def register(hints: Mapping[str, str]) -> None:
    """Add ``code → next step``; the texts are marked with ``N_`` where they are written."""
    _HINTS.update(hints)


def hint_for(error: OneFileError) -> str | None:
    """The next step for ``error`` in the current language, or None."""
    text = _HINTS.get(error.code)
    return fill(_(text), error.facts) if text else None
