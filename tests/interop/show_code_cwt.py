"""PyPI's cwt, in its own environment, reads and makes COSE_Sign1 in Base45: one JSON job a line on standard input."""

from __future__ import annotations

import json
import sys
from typing import Any

from cwt import COSE, COSEKey, DecodeError, VerifyError

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def unbase45(text: str) -> bytes:
    out = bytearray()
    for at in range(0, len(text), 3):
        part = text[at : at + 3]
        value = sum(ALPHABET.index(c) * 45**i for i, c in enumerate(part))
        out += value.to_bytes(len(part) - 1, "big")
    return bytes(out)


def base45(data: bytes) -> str:
    out = ""
    for at in range(0, len(data), 2):
        part = data[at : at + 2]
        value = int.from_bytes(part, "big")
        out += "".join(ALPHABET[value // 45**i % 45] for i in range(len(part) + 1))
    return out


def read(job: dict[str, Any], key: Any) -> dict[str, Any]:
    raw = unbase45(job["text"][4:])
    protected, unprotected, payload = COSE.new().decode_with_headers(raw, key, external_aad=bytes.fromhex(job["aad"]))
    return {"protected": protected, "unprotected": unprotected, "payload": payload.hex()}


def make(job: dict[str, Any], key: Any) -> dict[str, Any]:
    payload, aad = bytes.fromhex(job["payload"]), bytes.fromhex(job["aad"])
    return {
        "text": "OF1:" + base45(COSE.new().encode(payload, key, protected={1: -7}, unprotected={}, external_aad=aad))
    }


for line in sys.stdin:
    job = json.loads(line)
    try:
        answer = {"read": read, "make": make}[job["do"]](job, COSEKey.from_jwk({**job["jwk"], "alg": "ES256"}))
    except (DecodeError, VerifyError, ValueError) as error:
        answer = {"refused": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer))
