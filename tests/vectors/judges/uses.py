"""Our reading of parcels, signed requests and verdicts."""

from __future__ import annotations

from typing import Any

from agency_cli.services.parcels import open_granted, open_shown
from protocol.encoding import b64u, unb64u
from protocol.grant import GrantEnvelope
from protocol.jose import PublicJwk
from protocol.parcel import Parcel
from protocol.receipts import parse_receipt
from protocol.recipients import parse_identity
from protocol.verdict import POLICIES, Verdict, conclude
from tests.vectors.book import Concluded, Input, unoctets
from vault_api.http_auth import RequestHead, check_body, read_signature


def parcel(given: Input) -> Any:
    found = Parcel.parse(unoctets(given["raw"]))
    documents = [document.name for item in found.items for document in item.documents]
    return {"basis": b64u(found.grant or found.show or b""), "items": len(found.items), "documents": documents}


def sealed_parcel(given: Input) -> Any:
    """What a grant, or a show, handed over: opened, and held against what was signed (docs/spec/parcel.md §2)."""
    receipt = parse_receipt(given["receipt"]).body
    sealed = [unb64u(text) for text in given["parcels"]]
    identities = [parse_identity(given["identity"])]
    if given["grant"] is None:
        handed = open_shown(receipt, sealed[0], identities, given["log"])
    else:
        grant = GrantEnvelope.parse(unoctets(given["grant"])).grant
        handed = open_granted(grant, receipt, sealed, identities, given["log"])
    return [{"item": one.id, "documents": [d.entry.name for d in one.documents]} for one in handed]


def request(given: Input) -> Any:
    """A signed request at a vault: form, coverage, age, signature, body (docs/http.md)."""
    body = unoctets(given["body"]) if given["body"] is not None else b""
    head = RequestHead(given["method"], given["url"], given["headers"])
    found = read_signature(head, now=given["now"], has_body=bool(body))
    found.verify(PublicJwk.from_json(given["key"]))
    check_body(found, body)
    return {"nonce": b64u(found.nonce), "created": found.created, "act_for": found.act_for}


def verdict(given: Input) -> Any:
    """What a policy makes of the checks of a report; what the report itself concluded does not count."""
    report = Verdict.from_json(given["report"])
    found = conclude(POLICIES[given["policy"]], report.checks, report.at)
    if found.verdict != "accept":
        raise Concluded({"reject": "rejected", "indeterminate": "indeterminate"}[found.verdict])
    return {"checks": len(found.checks)}
