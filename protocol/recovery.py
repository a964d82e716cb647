"""Recovery by guardians: a share for each, the request of who lost everything, and a guardian's answer.

docs/spec/recovery.md. Three JCS structures, two of which travel only inside of age files:

* *Share* ``{v, dossier, card, guardians:{accounts, salt}, words}``, sealed to a guardian's key card. ``card`` is the
  first key card of the root that is shared, ``guardians`` the set whose hash the registry keeps.
* *Request* ``{v, chain, registry, message, recipient}``: the ``RecoverDossier`` that the guardians shall sign and the
  age recipient to which they answer. Nobody signs it, since who asks has no key that anyone knows: the guardian
  compares the twelve digits of ``match_number`` with the person who asks, by voice.
* *Answer* ``{v, request, guardian, signature, share}``, sealed to that recipient.

Wire laws: the members are all there is in version 1. What a share's words are: ``protocol/slip39.py``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from protocol import canonical
from protocol.canonical import Json
from protocol.dossier_messages import RecoverDossier
from protocol.eip712 import Domain
from protocol.encoding import b64u, hex0x, unhex0x
from protocol.envelope import open_joined, seal_bytes
from protocol.errors import Malformed, Untrusted
from protocol.fields import Fields
from protocol.guardians import GuardianSet
from protocol.hashing import sha256
from protocol.keyring import MAX_SEQ
from protocol.recipients import HybridIdentity, HybridRecipient, parse_recipient
from protocol.signatures import verify_account
from protocol.slip39 import MAX_WORDS_CHARS, ShareWords, read_words

VERSION = 1
MAX_SHARE_BYTES = 8 << 10  # plaintext or sealed
MAX_REQUEST_BYTES = 8 << 10
MAX_ANSWER_BYTES = 12 << 10
MATCH_DIGITS = 12
_MATCH_LABEL = b"onefile/recovery-match/v1"
_MATCH_COST = 1 << 14  # 16 MiB and 50 ms for each guess at another request with the same digits
_MAX_RECIPIENT = 2200
_SIGNATURE_BYTES = 65


@dataclass(frozen=True, slots=True)
class Share:
    """What one guardian keeps. Secret: ``words``."""

    dossier: bytes
    card: int
    guardians: GuardianSet
    words: str

    def __post_init__(self) -> None:
        if len(self.dossier) != 32:
            raise Malformed("share_dossier", "a dossier id has 32 bytes, got {got}", got=len(self.dossier))
        read_words(self.words)

    def __repr__(self) -> str:
        return f"Share({hex0x(self.dossier)}, card {self.card})"

    @property
    def read(self) -> ShareWords:
        """Index and threshold, as the words say."""
        return read_words(self.words)

    def to_json(self) -> Json:
        """The members; secret."""
        return {
            "v": VERSION,
            "dossier": hex0x(self.dossier),
            "card": self.card,
            "guardians": self.guardians.to_json(),
            "words": self.words,
        }

    @classmethod
    def take(cls, fields: Fields) -> Share:
        """Read ``to_json`` strictly; raises ``Malformed`` only."""
        fields.uint("v", least=VERSION, most=VERSION)
        share = cls(
            dossier=unhex0x(fields.take("dossier"), length=32, what="share.dossier"),
            card=fields.uint("card", most=MAX_SEQ),
            guardians=GuardianSet.take(fields.object("guardians")),
            words=fields.text("words", limit=MAX_WORDS_CHARS),
        )
        fields.done()
        return share

    @classmethod
    def parse(cls, raw: bytes) -> Share:
        """Read the plaintext of a sealed share; raises ``Malformed`` only."""
        return cls.take(Fields(canonical.loads_canonical(raw, limit=MAX_SHARE_BYTES, what="share"), "share"))


def seal_share(share: Share, guardian: HybridRecipient) -> bytes:
    """The share as an age file that the guardian alone opens."""
    return seal_bytes(canonical.dumps(share.to_json()), [guardian]).file


def open_share(raw: bytes, identities: list[HybridIdentity]) -> Share:
    """Open a sealed share; ``Malformed``, ``Untrusted`` or ``Denied("no_identity")``."""
    _bounded(raw, MAX_SHARE_BYTES, "share")
    return Share.parse(open_joined(raw, identities))


@dataclass(frozen=True, slots=True)
class RecoveryRequest:
    """What guardians are asked to carry; ``raw`` is the file as it travels."""

    chain_id: int
    registry: bytes
    message: RecoverDossier
    recipient: HybridRecipient
    raw: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of the request as it travels."""
        return sha256(self.raw)

    @property
    def domain(self) -> Domain:
        """The domain in which guardians sign."""
        return Domain(self.chain_id, self.registry)

    @property
    def match_number(self) -> str:
        """Twelve digits in three groups. Slow on purpose: whoever wants other digits to be equal pays for each try."""
        raw = hashlib.scrypt(self.raw, salt=_MATCH_LABEL, n=_MATCH_COST, r=8, p=1, dklen=8)
        digits = f"{int.from_bytes(raw, 'big') % 10**MATCH_DIGITS:0{MATCH_DIGITS}d}"
        return " ".join(digits[i : i + 4] for i in range(0, MATCH_DIGITS, 4))

    @classmethod
    def make(
        cls, chain_id: int, registry: bytes, message: RecoverDossier, recipient: HybridRecipient
    ) -> RecoveryRequest:
        """The request for ``message``, answered to ``recipient``."""
        raw = canonical.dumps(
            {
                "v": VERSION,
                "chain": chain_id,
                "registry": hex0x(registry),
                "message": message.to_json(),
                "recipient": str(recipient),
            }
        )
        return cls(chain_id, registry, message, recipient, raw)

    @classmethod
    def parse(cls, raw: bytes) -> RecoveryRequest:
        """Read a request strictly; raises ``Malformed`` only. Nothing in it is proven."""
        fields = Fields(canonical.loads_canonical(raw, limit=MAX_REQUEST_BYTES, what="request"), "request")
        fields.uint("v", least=VERSION, most=VERSION)
        chain_id = fields.uint("chain")
        registry = unhex0x(fields.take("registry"), length=20, what="request.registry")
        message = RecoverDossier.from_json(fields.take("message"))
        recipient = parse_recipient(fields.text("recipient", limit=_MAX_RECIPIENT))
        fields.done()
        if not isinstance(recipient, HybridRecipient):
            raise Malformed("field_form", "{field}: not of the expected form", field="request.recipient")
        return cls(chain_id, registry, message, recipient, bytes(raw))


@dataclass(frozen=True, slots=True)
class Answer:
    """A guardian's consent: ``signature`` (EIP-712, r ‖ s ‖ v) of the request's message, and the share."""

    request: bytes
    guardian: bytes
    signature: bytes
    share: Share

    def to_json(self) -> Json:
        """The members; secret."""
        return {
            "v": VERSION,
            "request": b64u(self.request),
            "guardian": hex0x(self.guardian),
            "signature": hex0x(self.signature),
            "share": self.share.to_json(),
        }

    @classmethod
    def parse(cls, raw: bytes) -> Answer:
        """Read the plaintext of an answer strictly; raises ``Malformed`` only."""
        fields = Fields(canonical.loads_canonical(raw, limit=MAX_ANSWER_BYTES, what="answer"), "answer")
        fields.uint("v", least=VERSION, most=VERSION)
        answer = cls(
            request=fields.bytes32("request"),
            guardian=unhex0x(fields.take("guardian"), length=20, what="answer.guardian"),
            signature=unhex0x(fields.take("signature"), length=_SIGNATURE_BYTES, what="answer.signature"),
            share=Share.take(fields.object("share")),
        )
        fields.done()
        return answer


def seal_answer(answer: Answer, request: RecoveryRequest) -> bytes:
    """The answer as an age file that only who asked opens."""
    return seal_bytes(canonical.dumps(answer.to_json()), [request.recipient]).file


def open_answer(raw: bytes, request: RecoveryRequest, identity: HybridIdentity) -> Answer:
    """Open an answer and check that it is one to ``request``, by a guardian of its own set.

    ``Malformed``, ``Denied("no_identity")``, or ``Untrusted``: for another request or dossier, not signed by the
    guardian that it names, or that guardian is not in the set. That the set is the dossier's says the registry.
    """
    _bounded(raw, MAX_ANSWER_BYTES, "answer")
    answer = Answer.parse(open_joined(raw, [identity]))
    check_answer(answer, request)
    return answer


def check_answer(answer: Answer, request: RecoveryRequest) -> None:
    """``Untrusted`` unless the answer is one to ``request``: what ``open_answer`` says of an answer that it opened."""
    if answer.request != request.digest or answer.share.dossier != request.message.dossier:
        raise Untrusted("answer_other_request", "the answer is to another request")
    if answer.guardian not in answer.share.guardians.accounts:
        raise Untrusted("answer_no_guardian", "the answer is from nobody of the guardian set that it shows")
    verify_account(request.message.digest(request.domain), answer.signature, answer.guardian)


def _bounded(raw: bytes, most: int, what: str) -> None:
    if len(raw) > most:
        raise Malformed("too_large", "{what}: at most {limit} bytes, got {got}", what=what, limit=most, got=len(raw))
