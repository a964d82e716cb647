"""A vault that went on after its backup, and the machine on which the backup is restored."""

from __future__ import annotations

import shutil
from pathlib import Path

from protocol.keys import AccountKey
from protocol.scenario import parse_scenario
from tests.kept import backed_up, restored
from tests.vault_stage import ORIGIN_URL, T0, Grant, raw_scenario, seed, vault_stage
from vault_api.blobs import open_blobs
from vault_api.build import Outside
from vault_api.clock import FixedClock
from vault_api.db.engine import open_engine
from vault_api.keeping.reconcile import Parts, Reconciled, reconcile
from vault_api.opening import log_origin
from vault_api.settings import Settings


class Life:
    """A vault that went on after a backup: a use, a revocation, a deposit, a new dossier."""

    def __init__(self, folder: Path, *, anchored: bool = True) -> None:
        self.folder = folder
        self.second = folder / "second"
        with vault_stage(folder / "first") as stage:
            self.chain = stage.chain
            holder, issuer, bank, authority = stage.holder(), stage.issuer(), stage.bank(), stage.authority()
            scenario = raw_scenario(stage.a_scenario(authority), authority)
            assert stage.post(authority, "/v1/scenarios", {"scenario": scenario}).status_code == 201
            deposit = holder.deposited(issuer)
            self.grants = [self.given(holder.grant(bank, scenario, deposit)) for _ in range(2)]
            other = stage.holder("bob")
            self.others = self.given(other.grant(bank, scenario, other.deposited(issuer)))
            stage.publish()
            self.size = stage.vault.log.size
            self.raw, self.told = backed_up(stage)
            self.used = self.others.release()
            assert self.used.status_code == 200, self.used.text
            assert self.grants[0].revoke().status_code == 200
            stage.holder("carol")
            later = raw_scenario(
                stage.a_scenario(authority, version=2, supersedes=parse_scenario(scenario).hash), authority
            )
            assert stage.post(authority, "/v1/scenarios", {"scenario": later}).status_code == 201
            if anchored:
                stage.publish()
            self.longer = stage.vault.log.size
            self.head = stage.vault.log.head.note

    def given(self, grant: Grant) -> Grant:
        answer = grant.send()
        assert answer.status_code == 201, answer.text
        return grant

    def again(self, *, blobs: bool) -> Path:
        """A machine to restore to, with the log's key and, if wanted, the blob store that survived."""
        home = self.second
        (home / "vault").mkdir(parents=True)
        for name in ("vault/log.key", "deployment.json"):
            shutil.copy(self.folder / "first" / name, home / name)
        if blobs:
            shutil.copytree(self.folder / "first" / "vault" / "blobs", home / "vault" / "blobs")
        restored(self.raw, home)
        return home

    def outside(self, home: Path) -> tuple[Settings, Outside]:
        """The outside world of the second machine."""
        settings = Settings(home=home, public_origin=ORIGIN_URL)
        ledger = self.chain.ledger(AccountKey(seed("relayer")).address)
        return settings, Outside(ledger, open_engine(settings.database), open_blobs(settings.blobs), FixedClock(T0))

    def parts(self, outside: Outside) -> Parts:
        return Parts(outside.engine, outside.blobs, outside.ledger, outside.clock, log_origin(outside.ledger, "main"))

    def reconciled(self, home: Path) -> Reconciled:
        """What ``vault-api reconcile`` does."""
        settings, outside = self.outside(home)
        try:
            return reconcile(settings, outside, log_origin(outside.ledger, "main"))
        finally:
            outside.engine.dispose()
