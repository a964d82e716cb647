"""An issuer, a bank, a holder with an item, and a scenario: where a grant can be given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.vault_stage import Grant, VaultStage, raw_scenario


class World:
    """An issuer, a bank, a holder with an item, and a scenario."""

    def __init__(self, stage: VaultStage, holder: str = "alice") -> None:
        self.stage = stage
        self.issuer, self.bank, self.alice = stage.issuer(), stage.bank(), stage.holder(holder)
        self.authority = stage.authority()
        self.scenario = self.posted()
        self.deposit = self.alice.deposited(self.issuer, b"credential", b"a document")

    def posted(self, **changes: Any) -> str:
        raw = raw_scenario(self.stage.a_scenario(self.authority, **changes), self.authority)
        answer = self.stage.post(self.authority, "/v1/scenarios", {"scenario": raw})
        assert answer.status_code == 201, answer.text
        return raw

    def grant(self, **changes: Any) -> Grant:
        return self.alice.grant(self.bank, self.scenario, self.deposit, **changes)

    def granted(self, **changes: Any) -> Grant:
        grant = self.grant(**changes)
        answer = grant.send()
        assert answer.status_code == 201, answer.text
        return grant

    def scope(self, grant: Grant, **changes: Any) -> Any:
        return (replace(grant.grant.scope[0], **changes),)
