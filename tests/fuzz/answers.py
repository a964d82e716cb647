"""One answer of the vault for each model that a client reads: as the vault gives it, with every member that it may have."""

from __future__ import annotations

from typing import Any

from protocol import wire, wire_batch, wire_keys, wire_notices, wire_shares, wire_uploads, wire_verify

A16, A32, HEX, ACCOUNT, AT = "A" * 22, "A" * 43, "0x" + "ab" * 32, "0x" + "ab" * 20, 1_790_000_000
JWS, BYTES = "e30.e30.AAAA", "e30"
_OPENING = {"n": 0, "salt": A32, "object_sha256": A32, "t": "issue", "index": 0}
_LOGGED = {"index": 0, "entry": BYTES, "opening": _OPENING, "object": BYTES}
_PUBLIC = {"index": 1, "entry": BYTES, "opening": None, "object": None}
_CARD = {"card": {"v": 1, "subject": HEX}, "signature": "0x" + "01" * 65}
_HEADER = {"item": A32, "payload": A32, "header": BYTES}
_CONTRACTS = dict.fromkeys(("agency_registry", "dossier_registry", "grant_registry", "archive_log"), ACCOUNT)
_LIMITS = {"payload_bytes": 1 << 32, "objects_per_item": 64, "page_rows": 200}
_PROBLEM = {
    "type": "urn:x", "title": "t", "status": 403, "detail": "no", "code": "denied", "fault": "denied", "facts": {"x": 1, "y": "z"},
}  # fmt: skip
_CHECK = {"name": "grant_signature", "status": "pass", "code": "ok", "detail": "", "fact_age_s": 3}

SAMPLES: tuple[tuple[type[Any], Any], ...] = (
    (wire.Info, {
        "v": 1, "log_origin": "onefile/1/x/main", "log_vkey": "x+1+A", "public_origin": "https://x", "chain_id": 1,
        "contracts": _CONTRACTS, "limits": _LIMITS, "version": "0.1.0", "time": AT,
    }),
    (wire.Card, {"card": _CARD}),
    (wire.Logged, _LOGGED),
    (wire.Deposited, {"item": A32, "index": 1, "at": AT, "opening": _OPENING}),
    (wire.Me, {"dossier": HEX, "card": _CARD, "grant_epoch": 0, "next_n": 1, "items": 1}),
    (wire.Page[wire.Item], {"rows": [
        {
            "item": A32, "state": "present", "at": AT, "index": 1, "slip": JWS, "item_salt": A32, "headers": [BYTES],
            "rewrap": JWS, "opening": _OPENING,
        },
        {"item": A32, "state": "deleted", "at": AT, "index": 2},
    ], "next": "x"}),
    (wire.Page[wire.LogRow], {"rows": [{"logged": _LOGGED, "grant": A32, "show": A16, "receipt": JWS}, {"logged": _PUBLIC}]}),
    (wire.Page[wire.GrantRow], {"rows": [
        {"grant": A32, "envelope": {"grant": {}}, "state": "live", "uses": 1, "at": AT, "index": 3},
    ]}),
    (wire.GrantPosted, {"grant": A32, "index": 3, "opening": _OPENING}),
    (wire.Released, {
        "use_no": 1, "record": BYTES, "logged": _LOGGED, "proof": "c2sp.org/tlog-proof@v1\n", "parcels": [BYTES],
        "headers": [_HEADER],
    }),
    (wire.Pending, {"state": "pending", "retry_after_s": 1}),
    (wire.Show, {
        "session": A16, "state": "delivered", "expires": AT, "receipt": JWS, "logged": _LOGGED, "proof": "p",
        "agency_card": _CARD, "presentation": BYTES, "headers": [_HEADER],
    }),
    (wire.Consistency, {"first": 1, "second": 2, "proof": [A32]}),
    (wire.Page[wire.AgencyRow], {"rows": [{
        "account": ACCOUNT, "name": "样例局", "division": "bank", "roles": ["issuer", "reader", "scenario_authority"],
        "licence_types": ["diploma"], "compromised_since": AT, "card": _CARD, "fact_age_s": 3,
    }]}),
    (wire.Page[wire.ScenarioRow], {"rows": [{"hash": A32, "scenario": JWS, "index": 4}], "next": "x"}),
    (wire_verify.VerdictAnswer, {"verdict": "accept", "at": AT, "checks": [_CHECK]}),
    (wire.Relayed, {"transaction": HEX, "block": 1}),
    (wire.PublicLogged, {"index": 1}),
    (wire_batch.Cards, {"cards": [{"card": _CARD}, None]}),
    (wire_batch.DepositRows, {"rows": [{"deposited": {"item": A32, "index": 1, "at": AT}}, {"problem": _PROBLEM}]}),
    (wire.Payload, {"sha256": A32, "size": 9}),
    (wire.Revoked, {"index": 5, "at": AT}),
    (wire_keys.Ring, {"sha256": A32, "at": AT, "ring": BYTES, "card": _CARD}),
    (wire_keys.RingKept, {"sha256": A32, "at": AT}),
    (wire_keys.RewrapRows, {"rows": [{}, {"problem": _PROBLEM}]}),
    (wire_shares.SharesKept, {"kept": 3}),
    (wire.Page[wire_shares.Share], {"rows": [{"dossier": HEX, "share": BYTES, "sha256": A32, "at": AT}]}),
    (wire_uploads.Upload, {"upload": A16, "sha256": A32, "size": 9, "offset": 4, "segment_bytes": 4 << 20, "expires_at": AT}),
    (wire_notices.Notices, {"rows": [
        {
            "id": "x", "kind": "correction", "at": AT, "grant": A32, "show": A16, "item": A32, "about": A32, "index": 1,
            "statement": JWS, "card": _CARD,
        },
        {"id": "y", "kind": "grant_given", "at": AT},
    ], "next": "x", "more": False}),
)  # fmt: skip
