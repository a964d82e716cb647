"""What two devices of one holder say to each other while the second one joins."""

from __future__ import annotations

import pytest

from protocol import canonical
from protocol.encoding import b64u
from protocol.envelope import seal_bytes
from protocol.errors import Denied, Malformed
from protocol.joining import PREFIX, Answer, match_number, open_answer, parse_request, seal_answer, write_request
from protocol.keyring import KeyRing, RingMember, RingRoot, member_identity
from protocol.keys import RevokeKey, Root, TagKey

SECRET = Root(b"p" * 32)
PHONE = RingMember.of("手机", SECRET)
RING = KeyRing(b"d" * 32, (RingRoot(1, Root(b"r" * 32)),), TagKey(b"t" * 32), RevokeKey(b"k" * 32), 2, (PHONE,))
ANSWER = Answer(RING, "{}", "{}")


def test_a_request_comes_back_as_it_was_written_and_has_one_number() -> None:
    request = write_request(PHONE)
    assert parse_request(request) == PHONE
    assert match_number(request) == match_number(request) != match_number(request + " ")
    assert [len(group) for group in match_number(request).split(" ")] == [4] * 5


@pytest.mark.parametrize(
    "body",
    [
        {"v": 2, "member": PHONE.to_json()},
        {"v": 1},
        {"v": 1, "member": {}},
        {"v": 1, "member": PHONE.to_json(), "root": 1},
    ],
)
def test_a_request_of_another_form_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        parse_request(PREFIX + b64u(canonical.dumps(body)))  # type: ignore[arg-type]  # a body that is no request


@pytest.mark.parametrize("request_", ["", "OFJ2:AA", PREFIX + "A" * 9000, PREFIX + "=", PREFIX])
def test_what_is_no_request_at_all_is_refused(request_: str) -> None:
    with pytest.raises(Malformed):
        parse_request(request_)


def test_only_the_new_device_opens_the_answer_and_no_secret_stands_in_it() -> None:
    raw = seal_answer(ANSWER, PHONE)
    assert open_answer(raw, [member_identity(SECRET)]) == ANSWER
    assert b"r" * 32 not in raw
    with pytest.raises(Denied):
        open_answer(raw, [member_identity(Root(b"q" * 32))])


@pytest.mark.parametrize(
    "plain", [b"{}", b"x", canonical.dumps({"v": 1, "ring": "x", "party": "{}", "deployment": "{}"})]
)
def test_an_answer_of_another_form_is_refused(plain: bytes) -> None:
    with pytest.raises(Malformed):
        open_answer(seal_bytes(plain, [PHONE.recipient]).file, [member_identity(SECRET)])
