"""Vectors of shares of a root, of guardians' answers, and of the root that shares give back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import shamir_mnemonic

from protocol import canonical
from protocol.dossier_messages import RecoverDossier
from protocol.encoding import b64u, hex0x
from protocol.recovery import Answer, RecoveryRequest, Share
from tests.grant_samples import ALICE, BOB, DOSSIER, T0, b32
from tests.vectors.book import Book, octets
from tests.vectors.judges import recoveries
from tests.vectors.makers.recoveries import READER, REGISTRY, THREE

# Splits are drawn at random: these are two of the root 0…09, kept here so that the files stay as they are.
TWO_OF_THREE = (
    (
        "friar favorite academic acid airline method rich public picture ancestor elder home debut enlarge race fangs shrimp "
        "wrote often desert hawk album premium fraction stick coding nail benefit charity yoga daisy market moisture"
    ),
    (
        "friar favorite academic agency alive camera remove envy loyalty observe hybrid research squeeze industry knit wrap "
        "pecan gray syndrome false tricycle damage husband loyalty watch imply educate crowd mayor black iris pipeline dress"
    ),
    (
        "friar favorite academic always actress mandate provide ecology tolerate corner clothes plan wits install dryer angry "
        "raspy amount beaver metric sunlight beard avoid texture network mason ceiling gesture huge promise filter flame "
        "anatomy"
    ),
)
THREE_OF_FIVE = (
    (
        "check moment academic acne alive daisy teacher enjoy remind founder lobe military ceramic dough transfer symbolic "
        "burden type velvet detailed hunting mixed treat credit hanger ounce square volume dryer genre escape envy shame"
    ),
    (
        "check moment academic amazing afraid body marvel justice research alto lift frozen rumor teaspoon aide task class "
        "legal ranked device buyer legend salary episode nylon hazard grownup hearing primary armed industry desktop endorse"
    ),
    (
        "check moment academic axle alien speak dynamic blind orbit minister necklace spider language exchange saver shadow "
        "royal story airport raspy intimate award trust knife lilac animal spew exercise health evoke huge boundary living"
    ),
)
FIRST = shamir_mnemonic.Share.from_mnemonic(TWO_OF_THREE[0])

# What SLIP-39 has besides, and a changed word: none of it is a share of a root.
NO_WORDS = (
    ("32 words", TWO_OF_THREE[0].rpartition(" ")[0]),
    ("a word changed", TWO_OF_THREE[0].replace("public", "pulse")),
    ("two words swapped", TWO_OF_THREE[0].replace("rich public", "public rich")),
    ("a word of no list", TWO_OF_THREE[0].replace("public", "publics")),
    ("a capital letter", TWO_OF_THREE[0].capitalize()),
    ("two spaces", TWO_OF_THREE[0].replace(" ", "  ", 1)),
    ("a higher exponent", replace(FIRST, iteration_exponent=1).mnemonic()),
    ("not extendable", replace(FIRST, extendable=False).mnemonic()),
    ("one of two groups", replace(FIRST, group_count=2).mnemonic()),
    ("a threshold of one", replace(FIRST, member_threshold=1).mnemonic()),
    ("a share of 16 bytes", replace(FIRST, value=bytes(16)).mnemonic()),
)


def shares() -> Book:
    book = Book("recovery-share", "raw: a share as it stands in the age file that its guardian keeps", recoveries.share)
    body = Share(DOSSIER, 1, THREE, TWO_OF_THREE[0]).to_json()
    book.accept("a share", raw=_raw(body))
    book.accept("of a later root", raw=_raw({**body, "card": 7, "words": THREE_OF_FIVE[2]}))
    for name, code, change in (
        ("another version", "field_range", {"v": 2}),
        ("a dossier of 31 bytes", "length", {"dossier": hex0x(DOSSIER[:31])}),
        ("a card below none", "field_range", {"card": -1}),
        ("a card above the last", "field_range", {"card": 1 << 32}),
        ("no guardians", "field_type", {"guardians": None}),
        ("words as a list", "field_type", {"words": TWO_OF_THREE[0].split(" ")}),
        ("no words", "field_length", {"words": ""}),
        *((name, "share_words", {"words": words}) for name, words in NO_WORDS),
        ("an extra member", "field_unknown", {"more": 1}),
    ):
        book.refuse(name, f"malformed:{code}", raw=_raw({**body, **change}))
    raw = canonical.dumps(body)
    book.refuse("a space at the end", "malformed:not_canonical", raw=octets(raw + b" "))
    book.refuse("cut off", "malformed:json", raw=octets(raw[:-1]))
    book.refuse("too long", "malformed:too_large", raw=octets(raw + b" " * 8192))
    return book


def answers() -> Book:
    about = "raw: an answer as it stands in the age file for who asks; request: the recovery request that it is to"
    book = Book("recovery-answer", about, recoveries.answer)
    message = RecoverDossier(DOSSIER, ALICE.address, BOB.address, by_all=False, nonce=0, deadline=T0)
    request = RecoveryRequest.make(31337, REGISTRY, message, READER)
    later = RecoveryRequest.make(31337, REGISTRY, replace(message, nonce=1), READER)
    digest = message.digest(request.domain)
    share = Share(DOSSIER, 1, THREE, TWO_OF_THREE[0])
    bob = Answer(request.digest, BOB.address, BOB.sign(digest), share)
    alice = Answer(request.digest, ALICE.address, ALICE.sign(digest), replace(share, words=TWO_OF_THREE[2]))
    for name, one in (("one guardian's", bob), ("another guardian's", alice)):
        book.accept(name, raw=_raw(one.to_json()), request=octets(request.raw))
    book.refuse("to another request", "untrusted:answer_other_request", request=octets(later.raw))
    body = bob.to_json()
    assert isinstance(body, dict)
    stranger = bytes(19) + b"\x07"
    foreign = replace(share, dossier=b32(99)).to_json()
    for name, expect, change in (
        ("a share of another dossier", "untrusted:answer_other_request", {"share": foreign}),
        ("from nobody of the set", "untrusted:answer_no_guardian", {"guardian": hex0x(stranger)}),
        ("signed by another guardian", "untrusted:signature", {"guardian": hex0x(ALICE.address)}),
        ("a signature of another message", "untrusted:signature", {"signature": hex0x(BOB.sign(b32(5)))}),
        ("a signature of 64 bytes", "malformed:length", {"signature": hex0x(bytes(64))}),
        ("a guardian of 32 bytes", "malformed:length", {"guardian": hex0x(bytes(32))}),
        ("a request of 31 bytes", "malformed:length", {"request": b64u(bytes(31))}),
        ("another version", "malformed:field_range", {"v": 2}),
        ("words that are no share", "malformed:share_words", {"share": {**foreign, "words": NO_WORDS[1][1]}}),
        ("an extra member", "malformed:field_unknown", {"more": 1}),
    ):
        book.refuse(name, expect, raw=_raw({**body, **change}))
    raw = canonical.dumps(body)
    book.refuse("a space at the end", "malformed:not_canonical", raw=octets(raw + b" "))
    book.refuse("too long", "malformed:too_large", raw=octets(raw + b" " * (12 << 10)))
    return book


def roots() -> Book:
    book = Book(
        "recovery-root", "words: of shares that guardians answered with; the result is the root", recoveries.root
    )
    book.accept("two of three", words=list(TWO_OF_THREE[:2]))
    book.accept("another two, in another order", words=[TWO_OF_THREE[2], TWO_OF_THREE[0]])
    book.accept("all three", words=list(TWO_OF_THREE))
    book.accept("three of five", words=list(THREE_OF_FIVE))
    second = TWO_OF_THREE[1]
    for name, code, words in (
        ("one", "shares_few", [second]),
        ("the same one twice", "shares_few", [second, second]),
        ("none", "shares_mixed", []),
        ("of two splits", "shares_mixed", [second, THREE_OF_FIVE[0]]),
        ("one index, two values", "shares_mixed", [TWO_OF_THREE[0], replace(FIRST, value=bytes(32)).mnemonic()]),
        ("a value swapped", "shares_mixed", [second, replace(FIRST, value=bytes(32)).mnemonic()]),
        ("an index swapped", "shares_mixed", [second, replace(FIRST, index=2).mnemonic()]),
    ):
        book.refuse(name, f"untrusted:{code}", words=words)
    for name, words in NO_WORDS:
        book.refuse(name, "malformed:share_words", words=[words, second])
    return book


def _raw(body: Any) -> dict[str, str]:
    return octets(canonical.dumps(body))


def books() -> list[Book]:
    return [shares(), answers(), roots()]
