"""A show without a network: what frames brought is opened, judged by the pack, and seen once (docs/spec/window.md §5).

The vault takes no part: it released nothing, so that it logs nothing. Our receipt is signed all the same, and stays
here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agency_cli.services.judging import answers, with_lack
from agency_cli.services.replays import Replays
from agency_cli.services.scan import Seen, show_receipt
from agency_cli.services.standing import own_account, own_urn
from agency_cli.services.uses import Use, Uses
from client.pack import MAX_PACK_AGE_S, Pack, PackDesk, desk_of, pack_scenario, read_pack
from client.session import Session
from client.verification import gather
from protocol.credential import Credential, open_credential
from protocol.credential_evidence import Asked
from protocol.encoding import b64u, unb64u
from protocol.errors import Denied, Malformed, OneFileError, Untrusted
from protocol.facts import ROLE_READER, AgencyFacts
from protocol.grant_evidence import KnownScenario
from protocol.offline import ONE_WAY_LIFETIME_S, ONE_WAY_SKEW_S, is_one_way, open_message
from protocol.receipts import Officer
from protocol.recipients import X25519Identity
from protocol.request_code import RequestCode
from protocol.scenario import Scenario, check_grantee, check_in_force
from protocol.signed import Signed
from protocol.verdict import Verdict
from protocol.verify_offline import judge_offline, offline_policy

ANSWER_S = 300  # how long an answer to our request is waited for: a person reads, decides, and holds up frames
_NONCE = 16


@dataclass(frozen=True, slots=True)
class Challenge:
    """Our request, and the key that opens its answer."""

    code: RequestCode
    secret: X25519Identity = field(repr=False)


@dataclass(frozen=True, slots=True)
class OfflineOrder:
    """``challenge`` None takes what answers nobody. ``max_pack_age_s``: older facts are refused."""

    scenario: str
    officer: Officer
    challenge: Challenge | None = None
    retain_days: int | None = None
    max_pack_age_s: int = MAX_PACK_AGE_S


@dataclass(frozen=True, slots=True)
class OfflineShown:
    """What was shown without a network. ``use``: None where the verdict rejects; ``pack``: how old the facts are."""

    scenario: Signed[Scenario]
    use: Use | None
    credential: Credential
    verdict: Verdict
    pack: Pack
    one_way: bool

    @property
    def failed_codes(self) -> tuple[str, ...]:
        """The codes of everything that failed."""
        return tuple(check.code for check in self.verdict.checks if check.status == "fail")


def offline_scenario(
    session: Session, wanted: str, max_age_s: int = MAX_PACK_AGE_S
) -> tuple[Signed[Scenario], PackDesk, Pack]:
    """The scenario as the pack has it, which must be in force and open to us, with the pack and its desk."""
    pack = read_pack(session, max_age_s)
    desk = desk_of(session, pack)
    scenario = pack_scenario(desk, pack, wanted)
    check_in_force(scenario.body, session.clock.now())
    check_grantee(scenario.body, _own_facts(session, desk).division)
    return scenario, desk, pack


def receive(session: Session, message: bytes, order: OfflineOrder) -> OfflineShown:
    """Judge what frames brought. A verdict that rejects is returned, and nothing is kept of what it is about.

    Raises ``Malformed`` or ``Denied("no_identity")`` for what is not for us, ``Denied`` for a pack that is missing or
    too old, a scenario that does not hold or an answer that is late, ``Conflict("offline_replayed")`` for the second
    time.
    """
    now, challenge = session.clock.now(), order.challenge
    # (1) An answer to our request opens with its key alone; what answers nobody is for everybody.
    one_way = is_one_way(message)
    presentation = open_message(message, None if challenge is None else challenge.secret)
    if challenge is not None and now >= challenge.code.iat + ANSWER_S:
        raise Denied("offline_answer_late", "the answer is to a request that is over: ask again")
    # (2) The pack, no older than is allowed here, and in it the scenario.
    wanted = order.scenario if challenge is None else b64u(challenge.code.scenario)
    scenario, desk, pack = offline_scenario(session, wanted, order.max_pack_age_s)
    # (3) The verdict.
    credential = open_credential(presentation)
    nonce = _nonce(credential) if challenge is None else challenge.code.nonce
    asked, lacking = _asked(session, scenario, credential, nonce, one_way=one_way)
    policy = offline_policy(order.max_pack_age_s)
    evidence = gather(desk, presentation, None, status=pack.status(credential.status.uri), online=False)
    verdict = judge_offline(credential, presentation, evidence, policy, asked=asked, one_way=one_way)
    verdict = with_lack(verdict, lacking, policy)
    if verdict.verdict == "reject":
        return OfflineShown(scenario, None, credential, verdict, pack, one_way)
    # (4) Seen once, and signed for.
    until = now + (ONE_WAY_LIFETIME_S + ONE_WAY_SKEW_S if one_way else ANSWER_S)
    Replays(session.profile.folder).refuse_again(credential.key.thumbprint(), nonce, until=until, now=now)
    seen = Seen(nonce, nonce, order.officer, order.retain_days)
    card = _own_facts(session, desk).cards[-1].hash
    use = Use(show_receipt(session, seen, scenario, card=card), state="offline", at=now)
    Uses(session.profile.folder).save(use)
    return OfflineShown(scenario, use, credential, verdict, pack, one_way)


def _asked(
    session: Session, scenario: Signed[Scenario], credential: Credential, nonce: bytes, *, one_way: bool
) -> tuple[Asked, OneFileError | None]:
    (query,), lacking = answers(scenario.body, [credential])
    asked = Asked(
        aud=session.log.origin if one_way else own_urn(session),
        nonce=b64u(nonce),
        named=credential.named,
        scenario=KnownScenario.of(scenario),
        query=query,
    )
    return asked, lacking


def _own_facts(session: Session, desk: PackDesk) -> AgencyFacts:
    """What the pack's registry says of us: a reader with a card."""
    ours = desk.facts.agency(own_account(session))
    if not ours.has_role(ROLE_READER, session.clock.now()) or not ours.cards:
        raise Denied("not_a_reader", "{name} is not registered as a reader", name=ours.name)
    if ours.cards[-1].compromised_since is not None:
        raise Untrusted("agency_compromised", "the agency's key card is reported compromised")
    return ours


def _nonce(credential: Credential) -> bytes:
    """The nonce that the holder drew where nobody asked: who copies it shows the same one."""
    binding = credential.sdjwt.key_binding
    nonce = None if binding is None else binding.claims().get("nonce")
    if nonce is None:
        raise Malformed("offline_presentation", "this is no presentation with key binding")
    return unb64u(nonce, length=_NONCE, what="nonce")
