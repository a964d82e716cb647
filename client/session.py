"""What a command works with: profile, keys, vault, chain and local state, each opened when first asked for.

Tests make a ``Session`` with their own clock, transport and ledger; programs use ``Session.of``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chain.deployment import Deployment, LogRecord
from client import agent, deployment
from client.clock import Clock, SystemClock
from client.keystore import Keys, replace_keys
from client.passphrase import PassphraseSource
from client.profile import Party, Profile
from client.settings import DEFAULT_VAULT, Settings, read_settings
from client.store import Store
from protocol.errors import Unavailable
from protocol.jose import EcSigner

if TYPE_CHECKING:
    from chain.ledger import LedgerReads
    from client.api import VaultApi
    from client.ledger import LedgerOpener


@dataclass(slots=True)
class Session:
    """One run of a program on one profile."""

    profile: Profile
    settings: Settings
    clock: Clock = field(default_factory=SystemClock)
    passphrase: PassphraseSource = field(default_factory=PassphraseSource)
    transport: Any = None
    opener: LedgerOpener | None = None
    _party: Party | None = None
    _keys: Keys | None = None
    _api: VaultApi | None = None
    _public: VaultApi | None = None
    _ledger: LedgerReads | None = None
    _record: Deployment | None = None

    @classmethod
    def of(
        cls,
        program: str,
        name: str | None,
        *,
        environ: Mapping[str, str] | None = None,
        passphrase: PassphraseSource | None = None,
    ) -> Session:
        """The session of a program: settings from the environment, the profile by its name."""
        settings = read_settings(os.environ if environ is None else environ)
        found = passphrase or PassphraseSource()
        if found == PassphraseSource():
            found = PassphraseSource(settings.passphrase_file)
        return cls(Profile.of(program, name, settings.home), settings, passphrase=found)

    # --- who and where ------------------------------------------------------------------------------

    @property
    def party(self) -> Party:
        """Who lives in the profile."""
        if self._party is None:
            self._party = self.profile.load()
        return self._party

    def save_party(self, party: Party) -> None:
        """Keep a changed party."""
        self.profile.save(party)
        if self._api is not None and self._party is not None and party.card_seq != self._party.card_seq:
            self._api.http.close()
            self._api = None  # the next request is signed with the new card's key
        self._party = party

    @property
    def keys(self) -> Keys:
        """The opened keys: from the agent, else with the passphrase."""
        if self._keys is None:
            self._keys = agent.open_keys(self.profile, self.passphrase)
        return self._keys

    @property
    def keys_opened(self) -> bool:
        """Whether this run has opened the keys."""
        return self._keys is not None

    def use_keys(self, keys: Keys) -> None:
        """Take keys that were just made."""
        self._keys = keys

    def replace_keys(self, keys: Keys) -> None:
        """Keep changed keys: in the key store, in the agent if the profile is unlocked, and in this run.

        Durable when it returns. The passphrase is asked for: an agent opens a key store and can't write one.
        """
        replace_keys(self.profile.key_file, keys, self.passphrase.get(), self.settings.scrypt_log_n)
        left_s = agent.left_s(self.profile)
        if left_s:
            agent.start(self.profile, keys, left_s)
        self.forget_keys()
        self._keys = keys

    def forget_keys(self) -> None:
        """Forget the opened keys, and the connection that signs with them."""
        self._keys = None
        if self._api is not None:
            self._api.http.close()
            self._api = None

    @property
    def is_holder(self) -> bool:
        """Whether a holder lives in the profile (and not an agency, or nobody)."""
        return self.profile.party_file.exists() and self.party.kind != "agency"

    @property
    def deployment(self) -> Deployment:
        """The chain, contracts and log that the profile is tied to; without a profile, this machine's record."""
        if self.profile.party_file.exists():
            return deployment.pinned(self.profile)
        return self._record or deployment.local_record(self.settings)

    @property
    def log(self) -> LogRecord:
        """The log of the pinned deployment; named by the vault once, and pinned only if the chain has that very log."""
        record = self.deployment
        if record.log is None:
            record = deployment.with_log(record, self.public_api.info(), self.ledger)
            if self.profile.party_file.exists():
                deployment.pin(self.profile, record)
        assert record.log is not None
        return record.log

    def learn_log_key(self) -> bool:
        """Pin the log's key that the chain has now; whether it is another one than was pinned.

        Raises ``Unavailable`` if the chain can't be asked: whether the key was replaced is not known then.
        """
        record = self.deployment
        renewed = deployment.with_chain_key(record, self.ledger)
        if renewed == record:
            return False
        if self.profile.party_file.exists():
            deployment.pin(self.profile, renewed)
        else:
            self._record = renewed
        return True

    @property
    def store(self) -> Store:
        """Local state."""
        return Store(self.profile.folder)

    # --- outside worlds -----------------------------------------------------------------------------

    @property
    def vault_url(self) -> str:
        """The vault's public origin: of the environment, else of the profile, else the default."""
        if self.settings.vault_url:
            return self.settings.vault_url
        return self.party.vault_url if self.profile.party_file.exists() else DEFAULT_VAULT

    @property
    def api(self) -> VaultApi:
        """The vault, signed with the present key of this party's card."""
        if self._api is None:
            self._api = self._connect(self.keys.present(self.party.card_seq))
        return self._api

    @property
    def public_api(self) -> VaultApi:
        """The vault as anybody sees it."""
        if self._public is None:
            self._public = self._connect(None)
        return self._public

    @property
    def ledger(self) -> LedgerReads:
        """The chain; raises ``Unavailable`` only when it is asked something."""
        if self._ledger is None:
            self._ledger = self.ledger_of(self.deployment)
        return self._ledger

    def ledger_of(self, record: Deployment) -> LedgerReads:
        """A ledger on another deployment record than the pinned one."""
        if self.opener is not None:
            return self.opener(self.settings, record)
        from client.ledger import open_ledger

        return open_ledger(self.settings, record)

    def ledger_if_reachable(self) -> LedgerReads | None:
        """The chain if it answers now, else None: for checks that may stay unknown."""
        try:
            self.ledger.head()
        except Unavailable:
            return None
        return self.ledger

    def close(self) -> None:
        """Give connections back."""
        for api in (self._api, self._public):
            if api is not None:
                api.http.close()
        close = getattr(self._ledger, "close", None)
        if close is not None:
            close()

    def _connect(self, signer: EcSigner | None) -> VaultApi:
        from client.api import VaultApi
        from client.http import Http

        return VaultApi(
            Http(
                self.vault_url,
                clock=self.clock,
                signer=signer,
                timeout_s=self.settings.timeout_s,
                transport=self.transport,
            )
        )


def output_path(text: str) -> Path | None:
    """A path that a person gave for output; None for ``-``, standard output."""
    return None if text == "-" else Path(text)
