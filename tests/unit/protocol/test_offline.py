"""A presentation without network: small, for one window alone, in frames that may come in any order."""

from __future__ import annotations

import random
import secrets
import zlib

import pytest

from protocol import offline
from protocol.encoding import b64u, base45
from protocol.errors import Malformed, OneFileError
from protocol.hashing import sha256
from protocol.offline import Assembly, frames, open_message, parse_frame
from protocol.recipients import X25519Identity

WINDOW = X25519Identity(secrets.token_bytes(32))
OTHER = X25519Identity(secrets.token_bytes(32))
WINDOW_KEY = WINDOW.recipient().public


def jwt(*parts: bytes) -> str:
    return ".".join(map(b64u, parts))


def presentation(disclosures: int = 3, size: int = 40, seed: int = 1) -> str:
    draw = random.Random(seed)
    issuer = jwt(b'{"alg":"ES256","typ":"dc+sd-jwt"}', draw.randbytes(600), draw.randbytes(64))
    binding = jwt(b'{"alg":"ES256","typ":"kb+jwt"}', b'{"aud":"x","nonce":"y"}', draw.randbytes(64))
    return "~".join((issuer, *(b64u(draw.randbytes(size)) for _ in range(disclosures)), binding))


@pytest.mark.parametrize("disclosures", [0, 1, 30])
def test_what_is_packed_comes_back_letter_for_letter(disclosures: int) -> None:
    shown = presentation(disclosures)
    assert offline.unpack(offline.pack(shown)) == shown


def test_one_way_is_read_by_everybody() -> None:
    message = offline.one_way(presentation())
    assert offline.is_one_way(message)
    assert open_message(message, None) == presentation()


def test_two_ways_is_read_by_the_window_that_asked_alone() -> None:
    message = offline.two_ways(presentation(), WINDOW_KEY)
    assert not offline.is_one_way(message)
    assert open_message(message, WINDOW) == presentation()
    with pytest.raises(OneFileError):
        open_message(message, OTHER)


def test_a_window_that_asked_takes_no_message_that_answers_nobody() -> None:
    for message, window in ((offline.one_way(presentation()), WINDOW), (offline.two_ways(presentation(), WINDOW_KEY), None)):
        with pytest.raises(Malformed) as caught:
            open_message(message, window)
        assert caught.value.code == "offline_kind"


def test_frames_come_in_any_order_and_some_of_them_twice() -> None:
    message = offline.one_way(presentation(12, 90))
    texts = frames(message)
    assert len(texts) == 4
    assert max(map(len, texts)) == 854
    seen = [texts[2], texts[0], texts[2], texts[3]]
    assembly = Assembly()
    assert [assembly.add(parse_frame(text)) for text in seen] == [None] * 4
    assert assembly.missing() == [2]
    assert assembly.add(parse_frame(texts[1])) == message
    assert assembly.missing() == []


def test_frames_of_the_next_person_begin_anew() -> None:
    first, second = (frames(offline.one_way(presentation(12, 90, seed))) for seed in (1, 2))
    assembly = Assembly()
    for text in (*first[:3], *second[1:]):
        assert assembly.add(parse_frame(text)) is None
    assert assembly.add(parse_frame(second[0])) == offline.one_way(presentation(12, 90, 2))


def test_pieces_that_do_not_belong_together_are_refused_and_forgotten() -> None:
    texts = frames(offline.one_way(presentation(12, 90)))
    frame = parse_frame(texts[3])
    assembly = Assembly()
    for text in texts[:3]:
        assembly.add(parse_frame(text))
    with pytest.raises(Malformed) as caught:
        assembly.add(offline.Frame(frame.index, frame.count, frame.ident, frame.piece[:-1] + b"?"))
    assert caught.value.code == "offline_frames"
    assert assembly.missing() == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OF2:",
        "OF2:0/1:" + base45(b"idid" + b"x"),
        "OF2:2/1:" + base45(b"idid" + b"x"),
        "OF2:1/17:" + base45(b"idid" + bytes(560)),
        "OF2:01/1:" + base45(b"idid" + b"x"),
        "OF2:1/1:" + base45(b"idid"),
        "OF2:1/2:" + base45(b"idid" + b"x"),
        "OF2:1/1:" + base45(b"idid" + bytes(561)),
        "OF2:1/1:" + base45(b"idid" + b"x").lower(),
        "OF1:1/1:" + base45(b"idid" + b"x"),
        "OF2:1/1:::::",
    ],
)
def test_what_is_no_frame_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_frame(text)


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "a.b.c",
        jwt(b"a", b"b") + "~" + jwt(b"c", b"d", b"e", b"f"),
        presentation().rsplit("~", 1)[0] + "~",
        presentation().replace("~", "."),
        presentation() + "=",
        presentation(offline.MAX_PARTS),
    ],
)
def test_what_is_no_presentation_with_key_binding_is_not_packed(shown: str) -> None:
    with pytest.raises(Malformed):
        offline.pack(shown)


@pytest.mark.parametrize("shown", [presentation(30, 1000), "~".join((jwt(b"", bytes(70_000), b""), jwt(b"", b"", b"")))])
def test_a_presentation_that_fits_no_codes_says_so(shown: str) -> None:
    with pytest.raises(Malformed) as caught:
        offline.pack(shown)
    assert caught.value.code == "offline_too_large"


def test_a_message_of_too_many_frames_or_of_none_is_not_drawn() -> None:
    for message in (b"", bytes(offline.MAX_FRAMES * offline.PIECE_BYTES + 1)):
        with pytest.raises(Malformed):
            frames(message)
    assert len(frames(bytes(offline.MAX_FRAMES * offline.PIECE_BYTES))) == offline.MAX_FRAMES


def deflated(raw: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(raw) + packer.flush()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xff",
        bytes(offline.MAX_FRAMES * offline.PIECE_BYTES),
        deflated(offline.pack(presentation())) + b"more",
        deflated(offline.pack(presentation()))[:-3],
        deflated(bytes(10_000_000)),
        deflated(b"\x00\x05abc"),
        deflated(b"\x00"),
        deflated(b"\x00\x00" * 5),
        deflated(b"\x00\x00" * (offline.MAX_PARTS + 1)),
    ],
)
def test_a_message_that_unpacks_to_no_presentation_is_malformed_and_bounded(body: bytes) -> None:
    with pytest.raises(Malformed):
        open_message(b"\x01" + body, None)


def test_the_frames_name_the_message_by_its_digest() -> None:
    message = offline.one_way(presentation(0))
    assert {parse_frame(text).ident for text in frames(message)} == {sha256(message)[:4]}
