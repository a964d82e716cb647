"""Our reading of encodings and names: one spelling each (docs/spec/encodings.md, identifiers.md)."""

from __future__ import annotations

from typing import Any

from protocol import canonical
from protocol.encoding import b64u, hex0x, unb64, unb64u, unbase45, unhex0x
from protocol.entries import origin_hash, parse_origin
from protocol.errors import Untrusted
from protocol.hashing import sha256
from protocol.http_sig import parse_content_digest
from protocol.identifiers import (
    AgencyRef,
    check_citizen_number,
    check_credit_code,
    checksum_address,
    dossier_id,
    parse_address,
    parse_agency_urn,
    parse_certificate_id,
    parse_dossier_urn,
)
from protocol.jose import PublicJwk
from protocol.licence_types import type_id
from protocol.pointers import parse_pointer
from protocol.recipients import HybridIdentity, X25519Identity, parse_identity, parse_recipient
from protocol.show_code import log_prefix
from protocol.status_list import parse_status_uri
from protocol.vct import parse_vct
from tests.vectors.book import Input, unoctets


def base64url(given: Input) -> Any:
    return hex0x(unb64u(given["text"], length=given["length"]))


def base64(given: Input) -> Any:
    return hex0x(unb64(given["text"], length=given["length"]))


def base45(given: Input) -> Any:
    return hex0x(unbase45(given["text"]))


def hex_text(given: Input) -> Any:
    return b64u(unhex0x(given["text"], length=given["length"]))


def canonical_json(given: Input) -> Any:
    return canonical.loads_canonical(unoctets(given["raw"]))


def json_value(given: Input) -> Any:
    """JSON that is read strictly and need not be canonical: its canonical form."""
    return canonical.dumps(canonical.loads(unoctets(given["raw"]))).decode("utf-8")


def pointer(given: Input) -> Any:
    return list(parse_pointer(given["text"]))


def jwk(given: Input) -> Any:
    return PublicJwk.from_json(given["jwk"]).kid()


def recipient(given: Input) -> Any:
    found = parse_recipient(given["text"])
    return {"tag": found.tag, "sha256": b64u(sha256(found.public))}


def identity(given: Input) -> Any:
    found: HybridIdentity | X25519Identity = parse_identity(given["text"])
    return str(found.recipient())


def content_digest(given: Input) -> Any:
    return b64u(parse_content_digest(given["text"]))


def dossier(given: Input) -> Any:
    """The id that certifies itself: whoever knows owner, salt and place computes it and compares."""
    registry, owner0 = (unhex0x(given[name], length=20, what=name) for name in ("registry", "owner0"))
    found = dossier_id(given["chain_id"], registry, owner0, unhex0x(given["salt"], length=32, what="salt"))
    if found != parse_dossier_urn(given["urn"]):
        raise Untrusted("dossier_id", "the dossier's id is not that of this owner, salt and registry")
    return hex0x(found)


def dossier_urn(given: Input) -> Any:
    return hex0x(parse_dossier_urn(given["text"]))


def agency_urn(given: Input) -> Any:
    found: AgencyRef = parse_agency_urn(given["text"])
    return [found.chain_id, hex0x(found.registry), hex0x(found.account)]


def address(given: Input) -> Any:
    return checksum_address(parse_address(given["text"]))


def citizen_number(given: Input) -> Any:
    return check_citizen_number(given["text"])


def credit_code(given: Input) -> Any:
    return check_credit_code(given["text"])


def certificate_id(given: Input) -> Any:
    found = parse_certificate_id(given["text"])
    return [found.type_code, found.issuer_code, found.serial, found.version, found.check]


def origin(given: Input) -> Any:
    found = parse_origin(given["text"])
    place = {"chain_id": str(found.chain_id), "archive_log": hex0x(found.archive_log), "name": found.name}
    return {**place, "hash": hex0x(origin_hash(given["text"])), "prefix": hex0x(log_prefix(given["text"]))}


def status_uri(given: Input) -> Any:
    account, n = parse_status_uri(given["text"])
    return [hex0x(account), n]


def vct(given: Input) -> Any:
    name, version = parse_vct(given["text"])
    return [name, version, hex0x(type_id(name))]
