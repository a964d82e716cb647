"""Whether a presentation that came without a network holds, by facts gathered before (docs/spec/window.md §5).

Nothing of the log comes with it, and no registry says whether the holder has renewed the key: ``anchor_*`` and
``holder_binding`` stay unknown, and are shown so. What is required instead is the check ``challenge``: the key that
the issuer bound the credential to has signed for this window and this moment. It passes for an answer to the window's
own request; what answers nobody leaves it unknown (``offline_no_challenge``), so that no such verdict accepts.
"""

from __future__ import annotations

from protocol.credential import Credential, verify_presentation_binding
from protocol.credential_evidence import Asked, CredentialEvidence
from protocol.errors import Unavailable
from protocol.offline import check_one_way_time
from protocol.verdict import Policy, Verdict, attempt, conclude
from protocol.verify_credential import judge_credential

CHALLENGE = "challenge"
LIST_MAX_AGE_S = 86_400  # a status list ends by itself
_FACTS = ("issuer_signature", "issuer_authority")


def offline_policy(max_age_s: int) -> Policy:
    """What is required where there is no network; facts count for ``max_age_s``."""
    required = frozenset({"format", *_FACTS, "status", "scenario_minimum", CHALLENGE})
    fresh = {**dict.fromkeys(_FACTS, max_age_s), "status": max(max_age_s, LIST_MAX_AGE_S)}
    return Policy("offline", required, fresh, {})


def judge_offline(
    credential: Credential, raw: str, evidence: CredentialEvidence, policy: Policy, *, asked: Asked, one_way: bool
) -> Verdict:
    """Every check of a presentation without network, and the verdict by ``offline_policy``."""
    made = judge_credential(raw, evidence, policy, asked=asked)
    bound = made.check("holder_binding")

    def check() -> None:
        # What is unknown of the holder is borne, what is known to be wrong is not.
        if bound is not None and bound.status == "fail" and bound.cause is not None:
            raise bound.cause
        _check_challenge(credential, asked, evidence.now, one_way=one_way)

    challenge = attempt(CHALLENGE, check)
    return conclude(policy, (*made.checks, challenge), evidence.now)


def _check_challenge(credential: Credential, asked: Asked, now: int, *, one_way: bool) -> None:
    binding = verify_presentation_binding(credential, aud=asked.aud, nonce=asked.nonce)
    if one_way:
        check_one_way_time(binding.iat, now)
        raise Unavailable(
            "offline_no_challenge",
            "it answers no request of this window, and may have been copied from a screen: compare the face",
        )
