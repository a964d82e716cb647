"""Our reading of what P-256 keys sign: slips, receipts, statements, card tokens, scenarios; and own documents."""

from __future__ import annotations

from typing import Any

from client.own_document import OwnDocument
from protocol.encoding import b64u, hex0x, unb64u
from protocol.errors import Untrusted
from protocol.grant import ScopeItem
from protocol.hashing import same, sha256
from protocol.jose import PublicJwk
from protocol.receipts import verify_receipt
from protocol.rewraps import verify_rewrap
from protocol.scenario import (
    check_current,
    check_grantee,
    check_in_force,
    check_linked,
    check_over_asking,
    verify_scenario,
)
from protocol.signed import Signed
from protocol.slips import item_commitment, verify_slip
from protocol.statements import verify_card_token, verify_statement
from tests.vectors.book import Input, unoctets


def _key(given: Input) -> PublicJwk:
    return PublicJwk.from_json(given["key"])


def _result(found: Signed[Any], **facts: Any) -> Any:
    return {"sha256": b64u(found.hash), **facts}


def slip(given: Input) -> Any:
    found = verify_slip(given["raw"], _key(given), log=given["log"])
    body = found.body
    return _result(found, own=body.own, item=b64u(body.item), objects=len(body.objects))


def item(given: Input) -> Any:
    """That a slip commits to this item: the issuer-signed JWT of a credential, or an own document's bytes."""
    found = verify_slip(given["slip"], _key(given), log=given["log"])
    made = item_commitment(unb64u(given["salt"], length=32), unoctets(given["object"]).decode("utf-8"))
    if not same(made, found.body.item_commitment):
        raise Untrusted("item_commitment", "the slip commits to another credential")
    return {"commitment": b64u(made)}


def receipt(given: Input) -> Any:
    found = verify_receipt(given["raw"], _key(given), log=given["log"], now=given["now"])
    body = found.body
    return _result(found, basis="grant" if body.grant is not None else "show", items=len(body.items))


def statement(given: Input) -> Any:
    found = verify_statement(given["raw"], _key(given), log=given["log"], now=given["now"])
    return _result(found, kind=found.body.kind, logged_as=found.body.logged_as)


def rewrap(given: Input) -> Any:
    item = unb64u(given["item"], length=32)
    found = verify_rewrap(given["raw"], _key(given), log=given["log"], dossier=given["dossier"], item=item)
    return _result(found, card=hex0x(found.body.card), headers=[b64u(one) for one in found.body.headers])


def card_token(given: Input) -> Any:
    found = verify_card_token(given["raw"], _key(given), agency=given["agency"], now=given["now"])
    return _result(found, card=hex0x(found.body.card))


def scenario(given: Input) -> Any:
    found = verify_scenario(given["raw"], _key(given))
    return _result(found, uri=found.body.uri, alternatives=[list(one) for one in found.body.query.alternatives])


def over_asking(given: Input) -> Any:
    """Whether a scope keeps within a scenario, for an agency of a division, at a time (docs/spec/scenario.md §4).

    ``later``: the versions after it in the log, ``given``: of a grant that was given before (§7); ``shown``: what the
    items say (§6).
    """
    found = verify_scenario(given["scenario"], _key(given)).body
    check_in_force(found, given["now"])
    later = [verify_scenario(raw, _key(given)).body for raw in given.get("later", [])]
    check_current(found, later, given["now"], given=given.get("given", False))
    check_grantee(found, given["division"])
    check_over_asking(found, [ScopeItem.from_json(part) for part in given["scope"]])
    check_linked(found, given.get("shown", []))
    return None


def own_document(given: Input) -> Any:
    raw = unoctets(given["raw"])
    found = OwnDocument.parse(raw)
    return {"title": found.title, "files": [entry.name for entry in found.files], "sha256": b64u(sha256(raw))}
