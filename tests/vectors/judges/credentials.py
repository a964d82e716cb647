"""Our reading of credentials, presentations, status lists and show codes."""

from __future__ import annotations

from typing import Any

from protocol.credential import (
    Credential,
    check_age,
    check_dates,
    check_named,
    verify_credential_signature,
    verify_presentation_binding,
)
from protocol.encoding import b64u, hex0x
from protocol.hashing import sha256
from protocol.jose import PublicJwk
from protocol.show_code import verify_show_code
from protocol.status_list import STATUS_NAMES, verify_status_token
from tests.vectors.book import Input


def _key(given: Input) -> PublicJwk:
    return PublicJwk.from_json(given["key"])


def credential(given: Input) -> Any:
    """A whole credential as its holder gets it; with ``now``, whether the licence holds then."""
    found = verify_credential_signature(given["raw"], _key(given))
    check_dates(found, given["now"])
    check_age(found, given["now"], given["max_age"])
    return {
        **_facts(found),
        "licence": [found.licence_type, found.version],
        "status": [found.status.uri, found.status.idx],
        "holder_key": found.key.kid(),
        "files": {pointer: entry.name for pointer, entry in sorted(found.files.items())},
    }


def presentation(given: Input) -> Any:
    shown = verify_credential_signature(given["raw"], _key(given))
    verify_presentation_binding(shown, aud=given["aud"], nonce=given["nonce"])
    check_named(shown, given["named"])
    return {**_facts(shown), "values": {pointer: shown.opened.values[pointer] for pointer in shown.named}}


def _facts(found: Credential) -> dict[str, Any]:
    return {
        "subject": None if found.subject is None else hex0x(found.subject),
        "shown": list(found.named),
        "issuer_jwt_sha256": b64u(sha256(found.issuer_jwt.encode())),
    }


def status_list(given: Input) -> Any:
    token = verify_status_token(given["raw"], _key(given), uri=given["uri"], now=given["now"]).body
    return {"status": STATUS_NAMES[token.status(given["idx"])], "entries": token.entries}


def show_code(given: Input) -> Any:
    code = verify_show_code(given["text"], _key(given), origin=given["log"], now=given["now"])
    return {"session": b64u(code.session), "counter": code.counter, "exp": code.exp, "iat": code.iat}
