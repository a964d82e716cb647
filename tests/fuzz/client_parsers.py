"""Parsers of what reaches the clients: the agent's socket, local files, exported folders, trust files, answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import httpx2

from chain.deployment import Contracts, Deployment
from chain.ledger import BlockRef
from client import agent
from client.agent_main import MAX_LINE, Agent, read_line
from client.exportdir import read_folder
from client.facts import AnchoredHead
from client.http import Call, Http
from client.inputs import Day, Duration
from client.keystore import Keys
from client.notices import Kept
from client.own_document import OwnDocument
from client.pack import PACK_TYP, Pack, open_pack
from client.passphrase import _from_bytes
from client.problems import error_of
from client.profile import Party
from client.scenario_leaves import load_leaves
from client.store import ItemRecord, Store
from client.trust import MAX_TRUST_BYTES, TRUST_TYP, Trust, TrustedAgency, open_trust
from protocol import canonical
from protocol.credential import FileEntry
from protocol.encoding import b64u
from protocol.entries import Opening
from protocol.errors import Denied, OneFileError
from protocol.facts import AgencyFacts, CardFact, ControllerFact, DossierFacts, IssueFact, RoleFact
from protocol.keys import AccountKey, Root
from protocol.merkle import Frontier
from protocol.wire_notices import Notice
from tests.fuzz import golden
from tests.fuzz.answers import SAMPLES
from tests.fuzz.folders import BETWEEN, laid_out
from tests.fuzz.parser import OURS, Parser, lax_json, text
from tests.fuzz.wrapping import KID, SIGNER, as_jws
from tests.log_samples import ORIGIN
from tests.log_samples import SIGNER as LOG_SIGNER
from tests.unit.client.support import HandClock, http

EXPORT_FILES = (
    "facts.json", "opening.json", "credential.sd-jwt", "own.json", "slip.jwt", "entry.json", "proof.tlog-proof",
    "checkpoint", "status.jwt",
)  # fmt: skip
class Line:
    """A connection that brings ``data`` in small parts and then ends."""

    def __init__(self, data: bytes) -> None:
        self._left = data

    def recv(self, size: int) -> bytes:
        part, self._left = self._left[:size], self._left[size:]
        return part


def agent_answer(data: bytes) -> None:
    line = read_line(Line(data + b"\n"))  # type: ignore[arg-type]  # a connection in all that is asked of it
    found = agent._parse(line)
    keys = found.get("keys") if found else None
    if isinstance(keys, str):
        Keys.parse(keys.encode("utf-8", "surrogatepass"))


def agent_request(data: bytes) -> None:
    line = read_line(Line(data + b"\n"))  # type: ignore[arg-type]  # a connection in all that is asked of it
    json.dumps(Agent(b"keys", 60.0).answer(line))


def keys(data: bytes) -> None:
    found = Keys.parse(data)
    written = found.unsafe_plaintext()
    assert Keys.parse(written).unsafe_plaintext() == written
    assert written == data or b'"v":1' in data  # version 1 is read, and written as version 2


def trust(data: bytes) -> None:
    open_trust(as_jws(data, TRUST_TYP), {SIGNER.public_jwk().thumbprint()})


def trust_body(data: bytes) -> None:
    found = Trust.from_json(lax_json(data))
    assert Trust.from_json(found.to_json()) == found


def exported(data: bytes) -> None:
    read_folder(laid_out(EXPORT_FILES, data))


def item_record(data: bytes) -> None:
    ItemRecord.from_json(_object(data))


def kept_notice(data: bytes) -> None:
    found = Kept.from_json(_object(data))
    assert Kept.from_json(found.to_json()) == found


def log_head(data: bytes) -> None:
    Store(laid_out(("log.json",), data)).log_head()


def party(data: bytes) -> None:
    found = Party.from_json(_object(data))
    assert Party.from_json(found.to_json()) == found


def own_document(data: bytes) -> None:
    assert OwnDocument.parse(data).serialise() == data


def passphrase(data: bytes) -> None:
    _from_bytes(data)


def problem(data: bytes) -> None:
    """A body that is not a success; the first byte makes the status."""
    status = 300 + (data[0] if data else 0) * 2
    found = error_of(status, data[1:])
    json.dumps(found.facts)
    raise found


def answer(data: bytes) -> None:
    """A body that is a success; the first byte says of which request."""
    model, _ = SAMPLES[data[0] % len(SAMPLES)] if data else SAMPLES[0]
    _TOLD[:] = [data[1:]]
    _vault().ask(Call("GET", "/v1/x"), model)


_TOLD: list[bytes] = []  # what the vault answers next


@cache
def _vault() -> Http:
    return http(lambda _request: httpx2.Response(200, content=_TOLD[0]), signer=None, clock=HandClock(), tries=1)


def typed(data: bytes) -> None:
    """What a person types as a length of time or a day; click tells what is wrong."""
    import click

    for kind in (Duration(), Day()):
        try:
            kind.convert(text(data), None, None)
        except click.BadParameter:
            continue


def scenario_leaves(data: bytes) -> None:
    load_leaves(laid_out(("scenarios.json",), data) / "scenarios.json", "onefile/1/0x" + "1" * 40 + "/main")


def _leaves() -> list[bytes]:
    line = {"tag": b64u(bytes(32)), "versions": [b64u(bytes(32))], "head": b64u(bytes(32)), "broken": False}
    made = {"v": 1, "origin": "onefile/1/0x" + "1" * 40 + "/main", "frontier": b64u(Frontier().serialise()), "lines": [line]}
    return [json.dumps(made).encode()]


def pack(data: bytes) -> None:
    open_pack(as_jws(data, PACK_TYP), [SIGNER.public_jwk().thumbprint()])


def pack_body(data: bytes) -> None:
    found = Pack.from_json(lax_json(data))
    assert Pack.from_json(found.to_json()) == found


def _object(data: bytes) -> dict[str, Any]:
    """As a local file is read: strictly, and an object."""
    return canonical.loads_object(data)


def _trust() -> Trust:
    contracts = Contracts(*(bytes([number]) * 20 for number in range(1, 5)))
    deployment = Deployment(31337, contracts, 1, bytes(32)).with_log(ORIGIN, str(LOG_SIGNER.vkey))
    card = CardFact(b"\x01" * 32, 1, 5, 0, None)
    facts = AgencyFacts(
        b"\x02" * 20, "示范银行", "bank", (RoleFact(2, 1, None),), (IssueFact(b"\x03" * 32, 1, 9),), (card,), 7
    )
    dossier = DossierFacts(
        dossier=b"\x04" * 32, controllers=(ControllerFact(b"\x05" * 20, 1, None),), cards=(card,), grant_epoch=1, known_at=7
    )  # fmt: skip
    from protocol.keycard import KeyCardEnvelope

    envelope = KeyCardEnvelope.parse(golden.raws("key-card")[0])
    anchors = (AnchoredHead(1, bytes(32), 2, 3),)
    return Trust(deployment, BlockRef(9, bytes(32), 9), anchors, (TrustedAgency(facts, (envelope,)),), (dossier,), 10)


def _trusts() -> list[bytes]:
    return [canonical.dumps(_trust().to_json())]


def _trust_files() -> list[bytes]:
    signer = {"signer": SIGNER.public_jwk().to_json()}
    body = canonical.dumps({**_trust().to_json(), **signer})
    assert KID
    return [body, as_jws(body, TRUST_TYP)]


def _packs() -> list[bytes]:
    scenario = golden.raws("scenario")[0].decode("ascii")
    made = Pack(_trust(), {"urn:onefile:status:a:0": "token"}, (scenario,), 10)
    return [canonical.dumps(made.to_json())]


def _pack_files() -> list[bytes]:
    body = canonical.dumps({**canonical.loads_object(_packs()[0]), "signer": SIGNER.public_jwk().to_json()})
    return [body, as_jws(body, PACK_TYP)]


def _exports() -> list[bytes]:
    opening = canonical.dumps(Opening(0, bytes(32), bytes(32), "issue", 1).to_json())
    card = canonical.loads(golden.raws("key-card")[0])
    facts: dict[str, Any] = {
        "v": 1, "exported_at": 5, "item_salt": "A" * 43, "issuer_cards": [card], "dossier_cards": [],
        "documents": [{"file": "a.age", "name": "a", "payload": "A" * 43}],
    }  # fmt: skip
    whole = [canonical.dumps(facts), opening, b"a.b.c~", b"-", b"a.b.c", b"{}", b"proof", b"note", b"a.b.c"]
    own = [*whole[:2], b"-", b"{}", *whole[4:8], b"-"]
    return [BETWEEN.join(whole), BETWEEN.join(own)]


def _records() -> list[bytes]:
    record = ItemRecord(
        bytes(32), "present", 1, 2, "a.b.c", bytes(32), (b"h",), Opening(0, bytes(32), bytes(32), "issue", 1)
    )
    return [canonical.dumps(record.to_json()), canonical.dumps(ItemRecord(bytes(32), "deleted", 1, 2).to_json())]


def _notices() -> list[bytes]:
    said = Notice(
        id="AAAAAAAAAAk", kind="notice", at=1, grant="A" * 43, show="A" * 22, item="A" * 43, about="A" * 43, index=2,
        statement="a.b.c", card={"v": 1},
    )  # fmt: skip
    told = Notice(id="AAAAAAAAAAg", kind="grant_given", at=1)
    return [canonical.dumps(Kept(said, "a.b.c", 3).to_json()), canonical.dumps(Kept(told).to_json())]


def _heads() -> list[bytes]:
    head = {
        "v": 1,
        "n": 3,
        "entry_hash": "A" * 43,
        "index": 2,
        "checkpoint": "",
        "synced_at": 1,
        "page": None,
        "page_first": 0,
    }
    return [canonical.dumps(head)]


def _parties() -> list[bytes]:
    made = Party("person", bytes(32), bytes(20), bytes(20), bytes(32), 0, "zh", 31337, bytes(20), "http://127.0.0.1:1")
    return [canonical.dumps(made.to_json())]


def _own_documents() -> list[bytes]:
    entry = FileEntry("合同.pdf", "application/pdf", 3, bytes(32), bytes(32))
    return [OwnDocument("合同", 1, (entry,), "note").serialise(), OwnDocument("x", 1, (entry,)).serialise()]


def _problems() -> list[bytes]:
    told = (
        b'{"type":"urn:x","title":"t","status":403,"detail":"no {x}","code":"denied","fault":"denied","facts":{"x":1}}'
    )
    return [b"\x32" + told, b"\x64<html>", b"\x7f"]


def _answers() -> list[bytes]:
    bodies = [body for _model, body in SAMPLES] + [{"index": 1.5, "x": [[]]}]
    return [bytes([which]) + canonical_or_json(body) for which, body in enumerate(bodies)]


def canonical_or_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _key_stores() -> list[bytes]:
    return [
        Keys.first(kind, Root(b"\x01" * 32), AccountKey(b"\x02" * 32)).unsafe_plaintext() for kind in ("person", "agency")
    ]


def nested_lines() -> Sequence[bytes]:
    return [b"[" * (MAX_LINE - 8), b'{"a":' * (MAX_LINE // 6), b"9" * (MAX_LINE - 8), b"[" + b"[]," * 20_000 + b"0]"]


def many_anchors() -> Sequence[bytes]:
    """A stranger's trust file of the size that ours may have: it must bounce before it is read."""
    row = b'[1,"' + b"A" * 43 + b'",1,1]'
    rows = b",".join([row] * 400_000)
    body = _trust_files()[0].replace(b'"anchors":[', b'"anchors":[' + rows + b",", 1)
    whole = as_jws(body, TRUST_TYP)
    stranger = whole.replace(whole.split(b".")[0], _strange_header())
    return [whole, stranger]


def _strange_header() -> bytes:
    header = {"alg": "ES256", "kid": b64u(bytes(32)), "typ": TRUST_TYP}
    return b64u(canonical.dumps(header)).encode("ascii")


def _local(
    name: str, call: Callable[[bytes], None], reads: str, seeds: Callable[[], list[bytes]], **more: Any
) -> Parser:
    return Parser(name, call, (reads,), seeds, **more)


PARSERS = (
    Parser(
        "agent-answer", agent_answer, ("client.agent._parse", "client.agent_main.read_line"),
        lambda: [b'{"ok":true,"left_s":5,"keys":"{}"}', b'{"ok":false}'], limit=MAX_LINE + 64, bombs=nested_lines,
    ),
    Parser(
        "agent-request", agent_request, ("client.agent_main.Agent.answer",),
        lambda: [b'{"op":"open"}', b'{"op":"status"}', b'{"op":"lock"}'], limit=MAX_LINE + 64, bombs=nested_lines,
    ),
    _local("key-store", keys, "client.keystore.Keys.parse", _key_stores, limit=(64 << 10) + 64),
    Parser(
        "trust-file", trust, ("client.trust.open_trust",), _trust_files, errors=OURS, limit=MAX_TRUST_BYTES,
        bombs=many_anchors, cpu_ms=2500, mib=450,
        why="our own file may have 64 MiB: of one that names our key its bytes are decoded and hashed, of others nothing",
    ),
    _local("trust-body", trust_body, "client.trust.Trust.from_json", _trusts),
    Parser("pack-file", pack, ("client.pack.open_pack", "client.trust.open_signed"), _pack_files, errors=OURS, limit=4 << 20),
    _local("pack-body", pack_body, "client.pack.Pack.from_json", _packs, errors=OURS),
    Parser("export-folder", exported, ("client.exportdir.read_folder",), _exports, errors=(*OURS[:1], Denied), limit=4 << 20),
    _local("item-record", item_record, "client.store.ItemRecord.from_json", _records),
    _local("kept-notice", kept_notice, "client.notices.Kept.from_json", _notices),
    _local("scenario-leaves", scenario_leaves, "client.scenario_leaves.load_leaves", _leaves),
    _local("log-head", log_head, "client.store.Store.log_head", _heads),
    _local("party", party, "client.profile.Party.from_json", _parties),
    _local("own-document", own_document, "client.own_document.OwnDocument.parse", _own_documents, limit=(256 << 10) + 64),
    _local("passphrase", passphrase, "client.passphrase._from_bytes", lambda: [b"pass\r\n", b"\xff"], limit=2048),
    _local("http-problem", problem, "client.problems.error_of", _problems, errors=(OneFileError,), limit=(64 << 10) + 64),
    _local("vault-answer", answer, "client.http.Http.ask", _answers, errors=OURS, limit=4 << 20),
    _local("typed-inputs", typed, "client.inputs.Duration.convert", lambda: [b"15m", b"2026-01-31", b"0d"], limit=4096),
)  # fmt: skip
