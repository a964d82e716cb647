"""Two verdicts on a grant before it is used: the vault's, which knows the uses, and our own, from the chain.

They are compared and neither stands for the other: a vault that accepts what we reject is not believed, and one that
rejects what we accept will not release.
"""

from __future__ import annotations

from dataclasses import dataclass

from agency_cli.services.inbox import Given, find_grant
from agency_cli.services.judging import judge_given
from client.checks import Desk
from client.scenarios import scenario_by_hash
from client.session import Session
from protocol.canonical import Json
from protocol.scenario import Scenario
from protocol.signed import Signed
from protocol.verdict import Conclusion, Verdict

_WORST: tuple[Conclusion, ...] = ("reject", "indeterminate", "accept")


@dataclass(frozen=True, slots=True)
class Asked:
    """A grant with both verdicts on it; ``verdict`` is the worse of them."""

    given: Given
    scenario: Signed[Scenario]
    own: Verdict
    vault: Verdict

    @property
    def verdict(self) -> Conclusion:
        return min(self.own.verdict, self.vault.verdict, key=_WORST.index)

    @property
    def failed_codes(self) -> tuple[str, ...]:
        """The codes of everything that failed, for the exit code."""
        return tuple(c.code for verdict in (self.own, self.vault) for c in verdict.checks if c.status == "fail")

    def to_json(self) -> dict[str, Json]:
        return {
            "grant": self.given.id,
            "verdict": self.verdict,
            "state": self.given.row.state,
            "scenario": self.scenario.body.scenario_id,
            "own": self.own.to_json(),
            "vault": self.vault.to_json(),
        }


def ask(session: Session, desk: Desk, wanted: str) -> Asked:
    """Both verdicts on the grant that ``wanted`` names; ``Denied("grant_not_found")`` if there is none for us."""
    given = find_grant(session, wanted)
    scenario = scenario_by_hash(session, desk, given.grant.scenario)
    own = judge_given(desk, given, scenario, uses=given.row.uses, now=session.clock.now())
    vault = Verdict.from_json(session.api.verify_grant(given.grant.grant_id).model_dump(mode="json"))
    return Asked(given, scenario, own, vault)
