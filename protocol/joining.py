"""How a second device becomes a member of a key ring (docs/spec/keys.md §7).

*Request*, of the new device, public: ``OFJ1:`` and base64url of JCS ``{v, member}``, the member as it stands in key
rings. Its *match number*, 20 digits of SHA-256, is read from both screens by the person who owns both: whoever
puts another request in its place would need one of 10^20 with the same number. *Answer*, of the first device: an age
file for the member alone, plaintext JCS ``{v, ring, party, deployment}``: the ring's plaintext, what is public of the
holder, and the deployment record; both of these are text that the client reads (``client/profile.py``).

Wire law: another member needs ``"v":2``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocol import canonical
from protocol.encoding import b64u, unb64u
from protocol.envelope import open_joined, seal_bytes
from protocol.errors import Malformed
from protocol.fields import Fields
from protocol.hashing import sha256
from protocol.keyring import MAX_RING_BYTES, KeyRing, RingMember
from protocol.recipients import Identity

PREFIX = "OFJ1:"
MATCH_DIGITS = 20
MAX_REQUEST_CHARS = 8 << 10
MAX_TEXT = 32 << 10
_MAX_ANSWER = 2 * MAX_RING_BYTES + 2 * MAX_TEXT
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first device hands over; ``party`` and ``deployment`` are JSON texts."""

    ring: KeyRing
    party: str
    deployment: str


def write_request(member: RingMember) -> str:
    """The request of a new device, as text for a file, a message or a code."""
    return PREFIX + b64u(canonical.dumps({"v": _VERSION, "member": member.to_json()}))


def parse_request(text: str) -> RingMember:
    """Read a request; raises ``Malformed`` only."""
    if len(text) > MAX_REQUEST_CHARS or not text.startswith(PREFIX):
        raise Malformed("join_request", "this is no request of a new device")
    raw = unb64u(text.removeprefix(PREFIX), what="request")
    fields = Fields(canonical.loads_canonical(raw, limit=MAX_REQUEST_CHARS, what="request"), "request")
    fields.uint("v", least=_VERSION, most=_VERSION)
    member = RingMember.from_json(fields.take("member"))
    fields.done()
    return member


def match_number(request: str) -> str:
    """What both screens show: 20 digits, in groups of four."""
    number = int.from_bytes(sha256(b"onefile/join/v1", request.encode("utf-8")), "big") % 10**MATCH_DIGITS
    digits = f"{number:0{MATCH_DIGITS}d}"
    return " ".join(digits[at : at + 4] for at in range(0, MATCH_DIGITS, 4))


def seal_answer(answer: Answer, member: RingMember) -> bytes:
    """The answer as an age file that only ``member`` opens. Its plaintext is secret: it has the roots."""
    plain = canonical.dumps(
        {
            "v": _VERSION,
            "ring": answer.ring.serialise().decode("utf-8"),
            "party": answer.party,
            "deployment": answer.deployment,
        }
    )
    return seal_bytes(plain, [member.recipient]).file


def open_answer(raw: bytes, identities: Sequence[Identity]) -> Answer:
    """Open an answer; ``Malformed``, ``Untrusted`` or ``Denied("no_identity")``. Who sealed it is not told by it."""
    plain = open_joined(raw, identities)
    fields = Fields(canonical.loads_canonical(plain, limit=_MAX_ANSWER, what="answer"), "answer")
    fields.uint("v", least=_VERSION, most=_VERSION)
    answer = Answer(
        KeyRing.parse(fields.text("ring", limit=MAX_RING_BYTES).encode("utf-8", "surrogatepass")),
        fields.text("party", limit=MAX_TEXT),
        fields.text("deployment", limit=MAX_TEXT),
    )
    fields.done()
    return answer
