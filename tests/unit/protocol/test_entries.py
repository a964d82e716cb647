"""Entries of the log: their bytes, their openings, and the keyed names under which they stand."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest

from protocol import entries as e
from protocol.canonical import dumps
from protocol.encoding import b64u
from protocol.entries import AccessRecord, Entry, Opening
from protocol.errors import Malformed, Untrusted
from protocol.hashing import ZERO32, keccak256

TAG_KEY = bytes(range(32))
SALT = bytes(range(100, 132))
GRANT = b"\x11" * 32
SESSION = b"\x22" * 16
SLIP = b"header.payload.signature"
RECORD = AccessRecord(
    receipt=b"\x33" * 32, grant=GRANT, show=None, use_no=1, released=(b"\x44" * 32, b"\x55" * 32), at=1_800_000_000
)
URI = "urn:onefile:status:0x00:1"
ADDRESS = bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3")
ORIGIN = "onefile/31337/0x5fbdb2315678afecb367f032d93f642f64180aa3/main"


def issue(n: int = 0, prev: bytes = ZERO32) -> Entry:
    return e.dossier_entry("issue", tag_key=TAG_KEY, n=n, prev_entry_hash=prev, salt=SALT, object_bytes=SLIP)


def access(record: AccessRecord = RECORD, n: int = 5) -> Entry:
    raw = record.serialise()
    return e.dossier_entry("access", tag_key=TAG_KEY, n=n, prev_entry_hash=ZERO32, salt=SALT, object_bytes=raw)


def opening_of(entry: Entry, object_bytes: bytes, n: int = 0, index: int = 7) -> Opening:
    return Opening(n, SALT, hashlib.sha256(object_bytes).digest(), entry.t, index)


def test_an_entry_is_five_fields_of_canonical_json() -> None:
    raw = issue().serialise()
    assert list(json.loads(raw)) == ["c", "pv", "t", "tag", "v"]
    assert raw == dumps(json.loads(raw))
    assert Entry.parse(raw) == issue()
    assert len(Entry("x" * e.MAX_TYPE, *[bytes(32)] * 3).serialise()) == 199


def test_the_commitment_binds_salt_and_object() -> None:
    want = hashlib.sha256(b"onefile/c/v1" + SALT + hashlib.sha256(SLIP).digest()).digest()
    assert e.commitment(SALT, SLIP) == want
    assert e.commitment_of(SALT, hashlib.sha256(SLIP).digest()) == want


def test_tags_and_links_are_macs_over_the_count() -> None:
    def mac(key: bytes, message: bytes) -> bytes:
        return hmac.new(key, message, "sha256").digest()

    assert e.tag_n(TAG_KEY, 3) == mac(TAG_KEY, b"onefile/tag/v1" + bytes([0] * 7 + [3]))
    assert e.pv_n(TAG_KEY, 3, SALT) == mac(TAG_KEY, b"onefile/pv/v1" + bytes([0] * 7 + [3]) + SALT)
    assert e.pv_n(TAG_KEY, 0, ZERO32) != ZERO32
    grant_key = mac(TAG_KEY, b"onefile/grant-tag/v1" + GRANT)
    assert e.grant_tag_key(TAG_KEY, GRANT) == grant_key
    assert e.access_tag(grant_key, 2) == mac(grant_key, bytes([0] * 7 + [2]))
    assert e.public_tag(URI) == hashlib.sha256(b"onefile/public/v1" + URI.encode()).digest()


def test_an_access_entry_stands_under_its_grant_or_session() -> None:
    assert access().tag == e.access_tag(e.grant_tag_key(TAG_KEY, GRANT), 1)
    shown = replace(RECORD, grant=None, show=SESSION)
    assert access(shown).tag == e.access_tag(e.grant_tag_key(TAG_KEY, SESSION), 1)
    assert access().pv == e.pv_n(TAG_KEY, 5, ZERO32)


def test_a_public_entry_is_open_to_everyone() -> None:
    entry = e.public_entry("status", uri=URI, prev_entry_hash=ZERO32, object_bytes=b"jwt")
    assert entry.c == e.commitment(ZERO32, b"jwt")
    e.verify_public(entry, uri=URI, prev_entry_hash=ZERO32, object_bytes=b"jwt")
    following = e.public_entry(
        "status", uri=URI, prev_entry_hash=e.entry_hash(entry.serialise()), object_bytes=b"jwt 2"
    )
    assert following.pv == hashlib.sha256(entry.serialise()).digest()
    for wrong in ({"uri": URI + "2"}, {"prev_entry_hash": SALT}, {"object_bytes": b"other"}):
        with pytest.raises(Untrusted) as caught:
            e.verify_public(entry, **({"uri": URI, "prev_entry_hash": ZERO32, "object_bytes": b"jwt"} | wrong))
        assert caught.value.code == "public_entry"


def test_the_first_entry_of_a_log_commits_to_its_beginning() -> None:
    statement = e.opening_statement(ORIGIN, "vkey")
    entry = e.first_entry(ORIGIN, statement)
    assert (entry.t, entry.pv) == ("log", ZERO32)
    e.verify_public(entry, uri=ORIGIN, prev_entry_hash=ZERO32, object_bytes=statement)
    head = e.head_statement(ORIGIN, 7, SALT)
    assert json.loads(head) == {"v": 1, "origin": ORIGIN, "size": 7, "root": b64u(SALT)}
    # The contract looks for the commitment to the old head at the very beginning of the entry.
    assert e.first_entry(ORIGIN, head).serialise().startswith(b'{"c":"' + b64u(e.commitment(ZERO32, head)).encode())


def test_an_opening_ties_the_entry_to_its_object() -> None:
    assert e.verify_opening(issue(), opening_of(issue(), SLIP), SLIP) is None


@pytest.mark.parametrize(
    ("change", "object_bytes", "code"),
    [
        ({"t": "note"}, SLIP, "opening_type"),
        ({}, b"another slip", "opening_object"),
        ({"object_sha256": hashlib.sha256(b"another slip").digest()}, b"another slip", "opening_commitment"),
        ({"salt": bytes(32)}, SLIP, "opening_commitment"),
    ],
)
def test_an_opening_of_something_else_is_untrusted(change: dict[str, Any], object_bytes: bytes, code: str) -> None:
    with pytest.raises(Untrusted) as caught:
        e.verify_opening(issue(), replace(opening_of(issue(), SLIP), **change), object_bytes)
    assert caught.value.code == code


def test_a_reader_finds_its_use_where_the_holder_will() -> None:
    raw = RECORD.serialise()
    grant_key = e.grant_tag_key(TAG_KEY, GRANT)
    assert e.verify_access(access(), opening_of(access(), raw, n=5), raw, grant_key) == RECORD
    with pytest.raises(Untrusted) as caught:
        e.verify_access(access(), opening_of(access(), raw, n=5), raw, e.grant_tag_key(TAG_KEY, SALT))
    assert caught.value.code == "access_tag"
    with pytest.raises(Untrusted) as caught:
        e.verify_access(issue(), opening_of(issue(), SLIP), SLIP, grant_key)
    assert caught.value.code == "entry_kind"


@pytest.mark.parametrize("record", [RECORD, replace(RECORD, grant=None, show=SESSION), replace(RECORD, released=())])
def test_an_access_record_reads_back_from_its_bytes(record: AccessRecord) -> None:
    raw = record.serialise()
    assert AccessRecord.parse(raw) == record
    assert record.basis in {GRANT, SESSION}
    assert set(json.loads(raw)) == {"receipt", "show" if record.show else "grant", "use_no", "released", "at"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"grant": None}, "access_basis"),
        ({"show": SESSION}, "access_basis"),
        ({"grant": bytes(31)}, "length"),
        ({"grant": None, "show": bytes(32)}, "length"),
        ({"receipt": b""}, "length"),
        ({"use_no": -1}, "whole_number"),
        ({"at": 2**53}, "whole_number"),
        ({"released": (bytes(31),)}, "length"),
        ({"released": (bytes(32), bytes(32))}, "released_twice"),
        ({"released": (bytes(32),) * (e.MAX_RELEASED + 1)}, "too_many_released"),
    ],
)
def test_an_access_record_that_says_too_much_or_too_little_is_malformed(change: dict[str, Any], code: str) -> None:
    with pytest.raises(Malformed) as caught:
        replace(RECORD, **change)
    assert caught.value.code == code


def fields_of(raw: bytes) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(raw)
    return value


@pytest.mark.parametrize(
    "change",
    [
        {"grant": None},
        {"show": b64u(SESSION)},
        {"released": "x"},
        {"released": [1]},
        {"use_no": True},
        {"extra": 1},
        {"at": "now"},
    ],
    ids=str,
)
def test_bytes_that_are_no_access_record_are_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        AccessRecord.parse(dumps(fields_of(RECORD.serialise()) | change))


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": True},
        {"v": "1"},
        {"t": "Issue"},
        {"t": ""},
        {"t": 1},
        {"t": "x" * 33},
        {"c": b64u(bytes(31))},
        {"c": None},
        {"x": 1},
    ],
    ids=str,
)
def test_bytes_that_are_no_entry_are_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        Entry.parse(dumps(fields_of(issue().serialise()) | change))


def test_an_entry_in_another_spelling_is_malformed() -> None:
    raw = issue().serialise()
    for other in (raw + b"\n", raw.replace(b",", b", "), json.dumps(fields_of(raw)).encode(), b"[]", b"", raw[:-1]):
        with pytest.raises(Malformed):
            Entry.parse(other)


def test_an_entry_of_an_unknown_kind_is_read() -> None:
    raw = dumps(fields_of(issue().serialise()) | {"t": "from-the-future"})
    assert Entry.parse(raw).t == "from-the-future"


@pytest.mark.parametrize(
    "fields", [("issue", b"", ZERO32, ZERO32), ("issue", ZERO32, b"", ZERO32), ("A", *[ZERO32] * 3)]
)
def test_an_entry_that_could_not_be_read_back_is_not_built(fields: tuple[str, bytes, bytes, bytes]) -> None:
    with pytest.raises(Malformed):
        Entry(*fields)


def test_an_opening_reads_back_from_json() -> None:
    opening = opening_of(issue(), SLIP)
    assert Opening.from_json(json.loads(dumps(opening.to_json()))) == opening


@pytest.mark.parametrize(
    "change",
    [{"n": -1}, {"n": "0"}, {"index": 2**53}, {"salt": "AA"}, {"object_sha256": None}, {"t": "No"}, {"more": 1}],
    ids=str,
)
def test_json_that_is_no_opening_is_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        Opening.from_json(opening_of(issue(), SLIP).to_json() | change)


@pytest.mark.parametrize("value", [None, [], "x", {}])
def test_anything_else_is_no_opening(value: object) -> None:
    with pytest.raises(Malformed):
        Opening.from_json(value)


@pytest.mark.parametrize(
    "change", [{"n": -1}, {"index": -1}, {"salt": b""}, {"object_sha256": b""}, {"t": "?"}], ids=str
)
def test_an_opening_that_could_not_be_read_back_is_not_built(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        replace(opening_of(issue(), SLIP), **change)


def test_keys_and_hashes_of_another_length_are_malformed() -> None:
    for call in (
        lambda: e.tag_n(bytes(31), 0),
        lambda: e.tag_n(TAG_KEY, -1),
        lambda: e.pv_n(TAG_KEY, 0, b""),
        lambda: e.pv_n(b"", 0, ZERO32),
        lambda: e.grant_tag_key(b"", GRANT),
        lambda: e.grant_tag_key(TAG_KEY, bytes(20)),
        lambda: e.access_tag(b"", 0),
        lambda: e.commitment(b"", SLIP),
        lambda: e.public_tag("\ud800"),
        lambda: e.head_statement(ORIGIN, 1, b""),
    ):
        with pytest.raises(Malformed):
            call()


def test_an_origin_names_chain_contract_and_log() -> None:
    assert e.origin(31337, ADDRESS, "main") == ORIGIN
    assert e.parse_origin(ORIGIN) == e.Origin(31337, ADDRESS, "main")
    assert e.origin_hash(ORIGIN) == keccak256(ORIGIN.encode())


@pytest.mark.parametrize(
    "text",
    [
        None, 7, "", "onefile/31337/main", ORIGIN + "/", ORIGIN.upper(), ORIGIN.replace("main", "Main"),
        ORIGIN.replace("31337", "031337"), ORIGIN.replace("31337", "0"), ORIGIN.replace("31337", str(2**64)),
        ORIGIN.replace("0x5f", "0x5F"), ORIGIN[:-4], ORIGIN + "x" * 28, ORIGIN + "\n",
    ],
)  # fmt: skip
def test_any_other_text_is_no_origin(text: object) -> None:
    with pytest.raises(Malformed) as caught:
        e.parse_origin(text)
    assert caught.value.code == "origin"


@pytest.mark.parametrize(("chain_id", "address", "name"), [(0, ADDRESS, "a"), (1, bytes(19), "a"), (1, ADDRESS, "")])
def test_an_origin_that_no_contract_would_take_is_not_made(chain_id: int, address: bytes, name: str) -> None:
    with pytest.raises(Malformed):
        e.origin(chain_id, address, name)
