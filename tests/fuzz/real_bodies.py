"""Bodies that a program of ours would send to each operation, and the same with one member changed."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from typing import Any

from protocol.encoding import b64u, hex0x
from protocol.envelope import seal_bytes
from protocol.hashing import sha256
from protocol.keyring import RingMember
from protocol.keys import Root
from protocol.receipts import Officer, Receipt, parse_receipt, sign_receipt
from protocol.rewraps import Rewrap, sign_rewrap
from protocol.show_code import new_show_code, sign_show_code
from protocol.statements import Statement, sign_statement
from protocol.status_list import StatusList, sign_status_token, status_uri
from tests.fuzz.http_stage import PAYLOAD, World
from tests.vault_parties import DAY

CHANGED = 0.5
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 2**53, 2**64, "", "A" * 43, "0x", "\ud800", "\0", [], {}, [None], {"v": 1}, "A" * 70_000,
)  # fmt: skip


def real_body(world: World, method: str, path: str, rng: random.Random) -> Any:
    """A body for the operation; None where it takes none."""
    make = _BODIES.get((method, path))
    if make is None:
        return None
    body = make(world)
    return changed(body, rng) if rng.random() < CHANGED else body


def changed(value: Any, rng: random.Random) -> Any:
    """The same with one member, at any depth, left out, added or replaced by something odd."""
    if isinstance(value, dict) and value:
        name = rng.choice(sorted(value))
        if isinstance(value[name], dict | list) and value[name] and rng.random() < 0.7:
            return {**value, name: changed(value[name], rng)}
        what = rng.random()
        if what < 0.2:
            return {key: member for key, member in value.items() if key != name}
        return {**value, ("more" if what < 0.3 else name): rng.choice(ODD)}
    if isinstance(value, list) and value:
        at = rng.randrange(len(value))
        return [*value[:at], changed(value[at], rng), *value[at + 1 :]]
    return rng.choice(ODD)


def _deposit(world: World) -> Any:
    deposit = world.holder.deposit(world.issuer, b"credential", b"document")
    if secrets.randbelow(2):
        deposit.upload()
    return deposit.body()


def _grant(world: World) -> Any:
    grant = world.grant
    return type(grant)(world.holder, world.bank, world.scenario, grant.deposit, {}).body()


def _show_receipt(world: World) -> str:
    parties, now = world.parties, world.parties.clock.now()
    receipt = Receipt(
        jti=b64u(secrets.token_bytes(16)), iat=now, iss=parties.urn(world.bank), aud=parties.origin, grant=None,
        show=bytes(range(16)), scenario=world.grant.scenario_hash, officer=Officer("clerk", "desk 3"), items=(),
        retain_until=now + DAY, nonce=secrets.token_bytes(16),
        card=world.bank.cards[-1].digest(parties.vault.agency_domain),
    )  # fmt: skip
    return sign_receipt(receipt, world.bank.present)


def _collect(world: World) -> Any:
    parties = world.parties
    code = new_show_code(bytes(range(16)), 1, origin=parties.origin, now=parties.clock.now())
    return {"code": sign_show_code(code, world.holder.present), "receipt": _show_receipt(world)}


def _statement(kind: str) -> Callable[[World], Any]:
    def make(world: World) -> Any:
        parties = world.parties
        said = Statement(
            b64u(secrets.token_bytes(16)), parties.clock.now(), world.holder.urn, parties.origin, kind,
            item=world.grant.deposit.item,
        )  # fmt: skip
        return {"statement": sign_statement(said, world.holder.present)}

    return make


def _renewal(world: World) -> Any:
    parties, bank = world.parties, world.bank
    said = Statement(
        b64u(secrets.token_bytes(16)), parties.clock.now(), parties.urn(bank), parties.origin, "renewal", grant=world.grant.id
    )
    return {"statement": sign_statement(said, bank.present)}


def _status(world: World) -> Any:
    parties, issuer = world.parties, world.issuer
    now = parties.clock.now()
    uri = status_uri(issuer.address, 0)
    token = StatusList.empty().token(iss=parties.urn(issuer), uri=uri, iat=now, lifetime_s=3600)
    return {"token": sign_status_token(token, issuer.present)}


def _stamp(world: World) -> Any:
    parties, bank = world.parties, world.bank
    said = Statement(
        b64u(secrets.token_bytes(16)), parties.clock.now(), parties.urn(bank), parties.origin, "stamp",
        about=parse_receipt(world.receipt).hash, text="stamp:x",
    )  # fmt: skip
    return {"statement": sign_statement(said, bank.present)}


def _shares(world: World) -> Any:
    share = seal_bytes(b"a share", [world.holder.sealing.recipient()]).file
    return {"shares": [{"guardian": hex0x(world.holder.dossier), "share": b64u(share)}]}


def _upload(_world: World) -> Any:
    return {"sha256": b64u(secrets.token_bytes(32)), "size": 1 + secrets.randbelow(1 << 20)}


def _relay(world: World) -> Any:
    message = {"dossier": hex0x(world.holder.dossier), "nonce": secrets.randbelow(4), "deadline": 4_000_000_000}
    signature = hex0x(world.holder.account.sign_digest(secrets.token_bytes(32)))
    return {"contract": "dossier_registry", "function": "bump_epoch", "message": message, "signatures": [signature]}


def _agency_card(world: World) -> Any:
    return {"card": world.bank.envelopes[-1].to_json()}


def _dossier(world: World) -> Any:
    holder = world.holder
    return {"dossier": hex0x(holder.dossier), "card": holder.envelopes[-1].to_json(), "tag_key": b64u(holder.tag_key)}


def _revoke(world: World) -> Any:
    return {"secret": b64u(secrets.token_bytes(32))}


def _verify(world: World) -> Any:
    kinds: list[dict[str, Any]] = [
        {"kind": "grant", "value": world.grant.envelope().to_json()},
        {"kind": "receipt", "value": world.grant.receipt()},
        {"kind": "checkpoint", "value": world.checkpoint},
        {"kind": "proof", "value": world.proof, "entry": b64u(world.entry)},
    ]
    return secrets.choice(kinds)


def _release(world: World) -> Any:
    return {"receipt": world.grant.receipt(jti=b64u(secrets.token_bytes(16)))}


def _scenario(world: World) -> Any:
    return {"scenario": world.scenario}


def _ring(_world: World) -> Any:
    member = RingMember.of("device", Root(secrets.token_bytes(32)))
    ring = seal_bytes(b"ring", [member.recipient]).file
    return {"ring": b64u(ring), "previous": None, "keys": [member.key.to_json()]}


def _rewraps(world: World) -> Any:
    holder, deposit = world.holder, world.grant.deposit
    headers = [sealed.header for sealed in deposit.sealed]
    digests = tuple(sha256(header) for header in headers)
    now = holder.stage.clock.now()
    word = Rewrap(now, holder.urn, holder.stage.origin, deposit.item, holder.card_hash, digests)
    row = {"rewrap": sign_rewrap(word, holder.present), "headers": [b64u(header) for header in headers]}
    return {"rewraps": [row, row]}


_BODIES: dict[tuple[str, str], Callable[[World], Any]] = {
    ("POST", "/v1/grants"): _grant,
    ("POST", "/v1/grants/{grant}/release"): _release,
    ("POST", "/v1/grants/{grant}/revoke"): _revoke,
    ("POST", "/v1/shows/collect"): _collect,
    ("POST", "/v1/scenarios"): _scenario,
    ("POST", "/v1/verify"): _verify,
    ("POST", "/v1/me/items/{item}/delete"): _statement("delete"),
    ("POST", "/v1/me/statements"): _statement("claim"),
    ("POST", "/v1/statements"): _renewal,
    ("PUT", "/v1/me/ring"): _ring,
    ("POST", "/v1/me/rewraps"): _rewraps,
    ("POST", "/v1/me/shows"): lambda _world: {"session": b64u(secrets.token_bytes(16)), "lifetime_s": 60},
    ("PUT", "/v1/me/shows/{session}/presentation"): lambda world: {"presentation": b64u(world.grant.parcel)},
    ("POST", "/v1/relay"): _relay,
    ("POST", "/v1/dossiers"): _dossier,
    ("PUT", "/v1/me/card"): lambda world: {"card": world.holder.envelopes[-1].to_json()},
    ("PUT", "/v1/agencies/{account}/card"): _agency_card,
    ("POST", "/v1/deposits"): _deposit,
    ("POST", "/v1/deposits/batch"): lambda world: {"deposits": [_deposit(world), _deposit(world)]},
    ("PUT", "/v1/status-lists/{account}/{n}"): _status,
    ("POST", "/v1/cards/query"): lambda world: {"subject": hex0x(world.holder.dossier)},
    ("POST", "/v1/cards/batch"): lambda world: {"subjects": [hex0x(world.holder.dossier), "0x" + "00" * 32]},
    ("POST", "/v1/stamps"): _stamp,
    ("POST", "/v1/me/shares"): _shares,
    ("POST", "/v1/uploads"): _upload,
    ("PATCH", "/v1/uploads/{upload}"): lambda _world: PAYLOAD,
    ("PUT", "/v1/payloads/{sha256}"): lambda world: secrets.token_bytes(64),
}
