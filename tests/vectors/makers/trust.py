"""Vectors of trust files: what a verifier saw on the chain, signed by its own tool (docs/spec/export.md §4)."""

from __future__ import annotations

import json
from typing import Any

from protocol.encoding import b64u, hex0x
from protocol.hashing import sha256
from protocol.jose import P256Signer, sign_jws, sign_typed
from protocol.statements import STATEMENT_TYP
from tests.credential_samples import ACCOUNT, DOSSIER
from tests.grant_samples import b32
from tests.vectors.book import Book
from tests.vectors.judges import trust
from tests.vectors.makers.cards import signed as signed_card
from tests.vectors.makers.logs import LOG, ORIGIN
from tests.vectors.makers.signed import NOW, bodies, broken, jwk

TYP = "onefile-trust+jwt"
TOOL = P256Signer.from_secret(b"\x07" * 32)
CARD = hex0x(sha256(b"card"))
NAMES = ("agency_registry", "dossier_registry", "grant_registry", "archive_log")
DEPLOYMENT: dict[str, Any] = {
    "v": 1,
    "chain_id": 31337,
    "contracts": {name: hex0x(bytes([n + 1]) * 20) for n, name in enumerate(NAMES)},
    "deploy_block": 1,
    "deploy_block_hash": hex0x(b32(1)),
    "log": {"origin": ORIGIN, "vkey": str(LOG.vkey)},
}
AGENCY: dict[str, Any] = {
    "account": hex0x(ACCOUNT),
    "name": "威海市人力资源和社会保障局",
    "division": "371000",
    "roles": [[1, 100, None], [2, 100, 200]],
    "issues": [[b64u(sha256(b"type")), 100, None]],
    "cards": [[CARD, 1, 100, 0, None]],
    "envelopes": [signed_card().to_json()],
    "known_at": NOW,
}
PERSON: dict[str, Any] = {
    "dossier": hex0x(DOSSIER),
    "controllers": [[hex0x(ACCOUNT), 100, None]],
    "cards": [[CARD, 1, 100, 0, None]],
    "grant_epoch": 0,
    "known_at": NOW,
}
BODY: dict[str, Any] = {
    "v": 1,
    "deployment": json.dumps(DEPLOYMENT, indent=2) + "\n",
    "block": {"number": 9, "hash": hex0x(b32(9)), "time": NOW - 5},
    "anchors": [[1, b64u(bytes(32)), 2, NOW - 60], [6, b64u(b"\x01" * 32), 8, NOW - 9]],
    "agencies": [AGENCY],
    "dossiers": [PERSON],
    "assembled_at": NOW,
    "signer": jwk(TOOL),
}


def deployment(**changes: Any) -> dict[str, str]:
    changed = {name: value for name, value in {**DEPLOYMENT, **changes}.items() if value is not ...}
    return {"deployment": json.dumps(changed)}


def trust_files() -> Book:
    about = "raw: a trust file (JWS); signers: the thumbprints of the tool keys that the verifier named"
    book = Book("trust-file", about, trust.trust_file)
    good = sign_typed(TYP, BODY, TOOL)
    kid = TOOL.public_jwk().kid()
    book.accept("a trust file", raw=good, signers=[kid])
    book.also("a line feed at the end", raw=good + "\n")
    book.also("no log yet", raw=sign_typed(TYP, {**BODY, **deployment(log=...)}, TOOL))
    other = P256Signer.from_secret(b"\x08" * 32)
    book.also("one of two signers", signers=[other.public_jwk().kid(), kid])
    book.refuse("nobody named its signer", "untrusted:trust_signer", signers=[other.public_jwk().kid()])
    book.refuse("nobody is named", "untrusted:trust_signer", signers=[])
    book.refuse("another signer in it", "untrusted:jws_kid", raw=sign_typed(TYP, {**BODY, "signer": jwk(other)}, TOOL))
    book.refuse("signed by another key than it names", "untrusted:trust_signer", raw=sign_typed(TYP, BODY, other))
    book.refuse(
        "another key under this kid", "untrusted:jws_signature", raw=sign_jws({"typ": TYP, "kid": kid}, BODY, other)
    )
    book.refuse("a broken signature", "untrusted:jws_signature", raw=broken(good))
    book.refuse("another type of JWS", "malformed:jws_typ", raw=sign_typed(STATEMENT_TYP, BODY, TOOL))
    bent = bodies(book, TYP, BODY, TOOL)
    text = str(LOG.vkey)
    keys: dict[str, Any] = {"present": text, "former": [[text, 6]]}
    book.also("a log whose key was replaced", raw=sign_typed(TYP, {**BODY, "log_keys": keys}, TOOL))
    bent("no present key of the log", "malformed:field_missing", log_keys={"former": [[text, 6]]})
    bent("a former key without its size", "malformed:trust_row", log_keys={**keys, "former": [[text]]})
    bent("a former key's size as text", "malformed:trust_row", log_keys={**keys, "former": [[text, "6"]]})
    bent("no signer", "malformed:trust_signer_missing", signer=...)
    bent("version 2", "malformed:field_range", v=2)
    bent("no block", "malformed:field_missing", block=...)
    bent("a block hash of 31 bytes", "malformed:length", block={**BODY["block"], "hash": hex0x(bytes(31))})
    bent("an unknown member", "malformed:field_unknown", note="good")
    bent("a member behind the signer", "malformed:trust_signer_missing", status="good")
    anchor = BODY["anchors"][0]
    bent("an anchor without a time", "malformed:trust_row", anchors=[anchor[:3]])
    bent("an anchor of no time", "malformed:trust_row", anchors=[[*anchor[:3], None]])
    bent("an anchor's size as text", "malformed:trust_row", anchors=[["1", *anchor[1:]]])
    bent("an anchor's root in hex", "malformed:base64url", anchors=[[1, hex0x(bytes(32)), *anchor[2:]]])
    refuse_rows(bent)
    return book


def refuse_rows(bent: Any) -> None:
    def agency(**changes: Any) -> dict[str, Any]:
        return {"agencies": [{n: v for n, v in {**AGENCY, **changes}.items() if v is not ...}]}

    def person(**changes: Any) -> dict[str, Any]:
        return {"dossiers": [{**PERSON, **changes}]}

    for name, code, members in (
        ("an agency without a name", "field_missing", agency(name=...)),
        ("a role without its beginning", "trust_row", agency(roles=[[1, None, None]])),
        ("a role of two numbers", "trust_row", agency(roles=[[1, 100]])),
        ("a type in hex", "base64url", agency(issues=[[hex0x(bytes(32)), 100, None]])),
        ("a card of 31 bytes", "length", agency(cards=[[hex0x(bytes(31)), 1, 100, 0, None]])),
        ("a negative time", "trust_row", agency(cards=[[CARD, 1, -100, 0, None]])),
        ("an envelope of another form", "key_card_envelope", agency(envelopes=[{"v": 1}])),
        ("an account in upper case", "hex", agency(account="0x" + "AB" * 20)),
        ("a controller of 32 bytes", "length", person(controllers=[[hex0x(bytes(32)), 100, None]])),
        ("an epoch of true", "field_type", person(grant_epoch=True)),
        ("a deployment of version 2", "deployment", deployment(v=2)),
        ("a deployment of version true", "deployment", deployment(v=True)),
        ("a deployment of five contracts", "contracts", deployment(contracts={**DEPLOYMENT["contracts"], "token": hex0x(bytes(20))})),
        ("a negative chain", "deployment", deployment(chain_id=-1)),
        ("a log without a key", "deployment", deployment(log={"origin": ORIGIN})),
    ):  # fmt: skip
        bent(name, f"malformed:{code}", **members)


def books() -> list[Book]:
    """All of this module."""
    return [trust_files()]
