"""What the verification of a grant rests on besides the grant, and what it gives (docs/spec/grant.md §7).

Built by the vault, the wallet and the agency from what each of them knows; judged by ``protocol/verify_grant.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from protocol.eip712 import Domain
from protocol.errors import Denied
from protocol.facts import AgencyFacts, DossierFacts, NullifierFact
from protocol.grant import AccessGrant, GrantEnvelope
from protocol.mandate import MandateEnvelope
from protocol.scenario import Scenario, check_grantee, check_limits, check_over_asking
from protocol.signed import Signed

MAX_TERMS = 1024

Terms = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class KnownScenario:
    """A scenario that its authority signed, made once for all grants over it; ``hash`` is its name in them.

    Remembers which terms (``AccessGrant.terms``, and the grantee's class) keep within it: they recur from grant to
    grant, and what a scenario allows never changes. ``later``: the versions that came after it, as the log has them.
    """

    scenario: Scenario
    hash: bytes
    later: tuple[Scenario, ...] = ()
    _allowed: set[Terms] = field(default_factory=set, repr=False)

    @classmethod
    def of(cls, signed: Signed[Scenario]) -> KnownScenario:
        """Of a scenario whose signature the caller has verified (``scenario.verify_scenario``)."""
        return cls(signed.body, signed.hash)

    def check_terms(self, grant: AccessGrant, division: str) -> None:
        """Raise ``Denied`` unless the grant, to an agency of ``division``, asks no more than the scenario allows."""
        terms = (division, grant.terms)
        if terms in self._allowed:
            return
        self._check(grant, division)
        if len(self._allowed) >= MAX_TERMS:
            self._allowed.clear()
        self._allowed.add(terms)

    def _check(self, grant: AccessGrant, division: str) -> None:
        check_grantee(self.scenario, division)
        if grant.purpose not in {self.scenario.purpose.zh, self.scenario.purpose.en}:
            raise Denied("grant_purpose", "the purpose in the grant is not the scenario's")
        check_limits(self.scenario, grant)
        check_over_asking(self.scenario, grant.scope)


@dataclass(frozen=True, slots=True)
class MandateEvidence:
    """The mandate that a grant names, and what is known of it. ``grants_before``: made under it until now."""

    envelope: MandateEnvelope
    nullified: NullifierFact
    grants_before: int
    posted_at: int


class GrantEvidence(NamedTuple):
    """What one verification of a grant rests on. Times in seconds; ``log`` is keccak256 of the origin.

    ``posted_at``: the time of the grant's log entry, None while it is being posted. ``items``: the dossier's items
    and the payload digests of each; None where the verifier cannot know them (a reader). Not a dataclass, since it is
    built anew for each use and a frozen one would cost a thirtieth of the verification.
    """

    domain: Domain
    log: bytes
    scenario: KnownScenario
    dossier: DossierFacts
    agency: AgencyFacts
    nullified: NullifierFact
    uses: int
    last_use_at: int | None
    now: int
    posted_at: int | None = None
    items: Mapping[bytes, frozenset[bytes]] | None = None
    mandate: MandateEvidence | None = None


class VerifiedGrant(NamedTuple):
    """A grant that held at ``at``; ``digest`` is what its grantor signed."""

    envelope: GrantEnvelope
    digest: bytes
    at: int

    @property
    def grant(self) -> AccessGrant:
        return self.envelope.message
