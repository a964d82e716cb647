"""Our reading of what a window asks by a code, and of presentations in frames (docs/spec/window.md)."""

from __future__ import annotations

from typing import Any

from protocol.encoding import b64u, hex0x, unhex0x
from protocol.errors import Malformed
from protocol.jose import PublicJwk
from protocol.offline import Assembly, is_one_way, open_message, parse_frame
from protocol.recipients import X25519Identity
from protocol.request_code import answer_id, match_number, parse_request, verify_request
from tests.vectors.book import Input


def request_code(given: Input) -> Any:
    """A request, and how it is answered: the id of the grant, and the digits for a grant of this digest."""
    key = PublicJwk.from_json(given["key"])
    code = verify_request(parse_request(given["text"]), key, origin=given["log"], now=given["now"])
    return {
        "agency": hex0x(code.agency),
        "desk": code.desk,
        "sealing": b64u(code.sealing),
        "scenario": b64u(code.scenario),
        "grant": b64u(answer_id(code.nonce)),
        "match": match_number(code.nonce, unhex0x(given["digest"], length=32)),
    }


def offline_frame(given: Input) -> Any:
    found = parse_frame(given["text"])
    return {"index": found.index, "count": found.count, "ident": b64u(found.ident), "size": len(found.piece)}


def offline_message(given: Input) -> Any:
    """Frames as a camera sees them, until a message is whole; then the presentation in it."""
    seen = Assembly()
    whole = [message for text in given["frames"] if (message := seen.add(parse_frame(text))) is not None]
    if not whole:
        raise Malformed("offline_missing", "frames are missing")
    window = None if given["window"] is None else X25519Identity.parse(given["window"])
    return {"presentation": open_message(whole[0], window), "one_way": is_one_way(whole[0])}
