"""The pack: what a desk without a network needs to judge what is shown to it, gathered while there was one.

    {"v": 1, "assembled_at": …, "facts": {…}, "lists": [[uri, token], …], "scenarios": [jws, …]}

as a JWS (``onefile-pack+jwt``) by this machine's tool key, in ``pack.jws`` of the profile. ``facts`` is a trust file's
body (chain, contracts, anchored heads, every agency with its key cards); ``lists`` the status lists of every issuer;
``scenarios`` those that verified. Nothing in it is believed for being there: scenarios, lists and cards are verified
when they are used, and facts are as old as the pack. Reading says how old that is, and refuses what is too old.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from client import deployment as deployments
from client.cards import Cards
from client.checks import Desk, assemble, open_desk
from client.files import read_bounded, write_private
from client.scenarios import good_scenarios, named_scenario, verified_scenario
from client.session import Session
from client.toolkey import tool_key
from client.trust import MAX_TRUST_BYTES, Trust, TrustFacts, open_signed, sign_by_tool
from protocol.canonical import Json
from protocol.errors import Denied, Malformed, Unavailable, Untrusted
from protocol.facts import ROLE_ISSUER, StatusFact
from protocol.fields import Fields
from protocol.jose import EcSigner
from protocol.scenario import Scenario, parse_scenario
from protocol.signed import Signed
from protocol.status_list import parse_status_token, status_uri

PACK_TYP = "onefile-pack+jwt"
MAX_PACK_AGE_S = 86_400  # a status list lives no longer
MOST_PACK_AGE_S = 30 * 86_400
PACK_SKEW_S = 300
MAX_LISTS = 4096
MAX_SCENARIOS = 4096
MAX_LISTS_OF_ONE = 64
_MAX_CHARS = 256 << 10
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that was opened. ``lists``: status tokens by their uri; ``assembled_at`` in seconds by our clock."""

    facts: Trust
    lists: dict[str, str]
    scenarios: tuple[str, ...]
    assembled_at: int

    def age(self, now: int) -> int:
        """How old its facts are, in seconds."""
        return max(0, now - self.assembled_at)

    def status(self, uri: str) -> StatusFact | None:
        """The status list of this uri, as it was fetched."""
        token = self.lists.get(uri)
        return None if token is None else StatusFact(token, self.assembled_at)

    def to_json(self) -> dict[str, Json]:
        return {
            "v": _VERSION,
            "assembled_at": self.assembled_at,
            "facts": self.facts.to_json(),
            "lists": [[uri, token] for uri, token in sorted(self.lists.items())],
            "scenarios": list(self.scenarios),
        }

    @classmethod
    def from_json(cls, value: Json) -> Pack:
        """Read ``to_json``'s object; ``Malformed`` on anything else."""
        fields = Fields(value, "pack")
        fields.uint("v", least=_VERSION, most=_VERSION)
        pack = cls(
            facts=Trust.from_json(fields.take("facts")),
            lists=dict(_pair(row) for row in fields.array("lists", most=MAX_LISTS)),
            scenarios=tuple(_text(row) for row in fields.array("scenarios", most=MAX_SCENARIOS)),
            assembled_at=fields.time("assembled_at"),
        )
        fields.done()
        return pack


class PackDesk(Desk):
    """The facts of a pack, and no network: what it does not cover stays unknown."""

    def _fetch_card(self, account: bytes) -> None:  # noqa: ARG002 (a desk with a network looks for the card of this one)
        raise Unavailable("pack_not_covered", "the pack has no such key card")


def desk_of(session: Session, pack: Pack) -> PackDesk:
    """A desk that knows what the pack knows."""
    envelopes = [envelope for agency in pack.facts.agencies for envelope in agency.cards]
    cards = Cards(deployments.agency_domain(session.deployment), envelopes)
    return PackDesk(session, TrustFacts(pack.facts), cards, live=False, kept=pack.facts)


def update_pack(session: Session) -> Pack:
    """Gather a pack from chain and vault and keep it; ``Unavailable`` without one of them, and the old one stays."""
    desk = open_desk(session)
    if not desk.live:
        raise Unavailable("pack_needs_chain", "a pack is made from the chain, which does not answer")
    facts = assemble(session, desk)
    pack = Pack(
        facts=facts,
        lists=dict(_status_lists(session, facts)),
        scenarios=tuple(found.raw for found in good_scenarios(session, desk)),
        assembled_at=session.clock.now(),
    )
    write_private(session.profile.folder / "pack.jws", sign_pack(pack, tool_key(session.settings.home)))
    return pack


def sign_pack(pack: Pack, signer: EcSigner) -> bytes:
    """The pack as it lies in the profile."""
    return sign_by_tool(PACK_TYP, pack.to_json(), signer)


def open_pack(raw: bytes, signers: list[bytes]) -> Pack:
    """The pack if a key with one of these thumbprints signed it; ``Malformed`` or ``Untrusted`` otherwise."""
    return Pack.from_json(open_signed(raw, signers, typ=PACK_TYP))


def read_pack(session: Session, max_age_s: int = MAX_PACK_AGE_S) -> Pack:
    """The profile's pack.

    ``Denied("pack_missing")`` if there is none, ``Denied("pack_too_old")``, ``Untrusted("pack_other")`` if it is of
    another chain, or of a time to come, which is a clock that was turned back.
    """
    path = session.profile.folder / "pack.jws"
    if not path.exists():
        raise Denied("pack_missing", "there is no pack: nothing can be judged without a network")
    signer = tool_key(session.settings.home).public_jwk().thumbprint()
    pack = open_pack(read_bounded(path, limit=MAX_TRUST_BYTES), [signer])
    now = session.clock.now()
    if pack.facts.deployment.deploy_block_hash != session.deployment.deploy_block_hash:
        raise Untrusted("pack_other", "the pack is of another chain than this profile")
    if pack.assembled_at > now + PACK_SKEW_S:
        raise Untrusted(
            "pack_ahead", "the pack was made at {at}, and the clock says {now}", at=pack.assembled_at, now=now
        )
    if pack.age(now) > max_age_s:
        raise Denied(
            "pack_too_old", "the pack is {age} s old; at most {most} s count here", age=pack.age(now), most=max_age_s
        )
    return pack


def pack_scenario(desk: PackDesk, pack: Pack, wanted: str) -> Signed[Scenario]:
    """The verified scenario of a hash, the beginning of one, or an id; ``Denied("scenario_not_found")`` if it lacks."""
    rows = [parse_scenario(raw) for raw in pack.scenarios]
    return verified_scenario(desk, named_scenario(rows, wanted, desk.session.clock.now()).raw)


def pack_json(pack: Pack, now: int) -> dict[str, Any]:
    """What a person is told of a pack."""
    return {
        "assembled_at": pack.assembled_at,
        "age_s": pack.age(now),
        "block": pack.facts.block.number,
        "agencies": len(pack.facts.agencies),
        "status_lists": len(pack.lists),
        "scenarios": len(pack.scenarios),
    }


def _status_lists(session: Session, facts: Trust) -> Iterator[tuple[str, str]]:
    """The status lists of every issuer: they are numbered, and the first number that lacks is the end."""
    for agency in facts.agencies:
        if not any(role.role == ROLE_ISSUER for role in agency.facts.roles):
            continue
        for number in range(MAX_LISTS_OF_ONE):
            try:
                raw = session.public_api.status_list(agency.facts.account, number).decode("ascii")
                parse_status_token(raw)
            except (Denied, Malformed, UnicodeDecodeError):
                break
            yield status_uri(agency.facts.account, number), raw


def _pair(row: Json) -> tuple[str, str]:
    if not isinstance(row, list) or len(row) != 2:
        raise Malformed("pack_row", "the pack has a row of another form")
    return _text(row[0]), _text(row[1])


def _text(value: Json) -> str:
    if not isinstance(value, str) or len(value) > _MAX_CHARS:
        raise Malformed("pack_row", "the pack has a row of another form")
    return value
