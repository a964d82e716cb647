"""Parsers of what a chain's endpoint, an operator's record or a key file says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

from eth_abi.abi import encode as abi_encode

from chain import endpoint, events
from chain.codec import MAX_ABI_BYTES, Codec, _abi, decode, refusal_of
from chain.deployment import MAX_BYTES as MAX_DEPLOYMENT
from chain.deployment import Contracts, Deployment, LogRecord
from chain.event_table import to_event
from chain.node import MAX_LOGS, Node, NodeRefusalError, RevertError
from chain.signer import MAX_KEY_FILE, TxSigner
from chain.values import BlockRef
from protocol.errors import Denied, Malformed, OneFileError, Unavailable
from tests.fuzz.parser import Parser, lax_json, text

CONTRACTS = Contracts(*(bytes([number]) * 20 for number in range(1, 5)))
CODEC = Codec(CONTRACTS)
AT = events.EventRef(BlockRef(1, bytes(32), 2), bytes(32), 0)
SIGNATURES = sorted(_abi().items())
ABI_EVENTS = [signature for (_, kind, _), signature in SIGNATURES if kind == "event"]
ABI_CALLS = [signature for (_, kind, _), signature in SIGNATURES if kind == "function" and signature.outputs]
REFUSED: tuple[type[Exception], ...] = (Unavailable, RevertError, NodeRefusalError)
HASH, ADDRESS = "0x" + "ab" * 32, "0x" + "01" * 20
BLOCK = f'{{"number":"0x1","hash":"{HASH}","timestamp":"0x2","baseFeePerGas":"0x7"}}'.encode()
RPC_WORDS = (
    b'"0x',
    b'"number":',
    b'"hash":',
    b'"topics":[',
    b'"removed":true',
    b'"error":{"code":3,"data":"0x',
    b"null",
)


class Told(endpoint.Endpoint):
    """An endpoint that answers every question with the same bytes, read as every answer is."""

    def __init__(self) -> None:
        self._ids = cycle((0, 1))  # of a batch, which asks two questions
        self.say(b"null")

    def say(self, raw: bytes) -> None:
        whole = raw.startswith((b'{"jsonrpc"', b'[{"jsonrpc"'))
        self._whole = raw if whole else b'{"jsonrpc":"2.0","id":1,"result":' + raw + b"}"
        self._answer: dict[str, Any] | None = None

    def close(self) -> None:
        return

    def request(self, method: str, params: object, **_: Any) -> dict[str, Any]:
        if self._answer is None:  # once: what asks twice would read the same
            self._answer = endpoint._answer(self._whole, 1)
        return self._answer

    def _post(self, _body: bytes) -> bytes:
        return self._whole


_TOLD = Told()
_NODE = Node(_TOLD)
READS: tuple[Callable[[Node], object], ...] = (
    Node.chain_id,
    Node.head,
    lambda node: node.block(1),
    lambda node: node.block_by_hash(bytes.fromhex(HASH[2:])),
    lambda node: node.code(bytes(20)),
    lambda node: node.balance(bytes(20)),
    lambda node: node.ask(_CALL),
    lambda node: node.logs([bytes.fromhex(ADDRESS[2:])], [None], 0, 9),
    lambda node: node.ask_all([_CALL, _CALL]),
)
WRITES: tuple[Callable[[Node], object], ...] = (
    lambda node: node.estimate(bytes(20), bytes(20), b""),
    lambda node: node.next_nonce(bytes(20)),
    Node.base_fee,
    Node.tip,
    lambda node: node.broadcast(b"\x01"),
    lambda node: node.receipt(bytes.fromhex(HASH[2:])),
)


def reads(data: bytes) -> None:
    _asked(READS, data)


def writes(data: bytes) -> None:
    _asked(WRITES, data)


def _asked(questions: Sequence[Callable[[Node], object]], data: bytes) -> None:
    """The first byte chooses the question; the rest is the endpoint's answer."""
    try:
        _TOLD.say(data[1:])
        questions[data[0] % len(questions) if data else 0](_NODE)
    except Unavailable as error:
        if error.code not in {"chain_garbage", "chain_error"}:
            raise AssertionError(error.code) from error
        raise


def _each(questions: Sequence[Any], answers: Sequence[bytes]) -> list[bytes]:
    return [bytes([which]) + answer for which in range(len(questions)) for answer in answers]


def answer(data: bytes) -> None:
    """The first byte chooses a function of our contracts; the rest is what it returned."""
    signature = ABI_CALLS[data[0] % len(ABI_CALLS)] if data else ABI_CALLS[0]
    decode(signature.outputs, data[1:])


def event(data: bytes) -> None:
    """The first byte chooses an event, the second its number of topics; then topics and data."""
    if len(data) < 2:
        return
    signature = ABI_EVENTS[data[0] % len(ABI_EVENTS)]
    count = data[1] % 5
    topics = [signature.hash, *(data[2 + 32 * i : 34 + 32 * i] for i in range(count))]
    address = CODEC.addresses[signature.contract]
    decoded = CODEC.event(address, topics, data[2 + 32 * count :])
    assert decoded is not None
    to_event(AT, decoded)


def refusal(data: bytes) -> None:
    raise refusal_of(data)


def deployment(data: bytes) -> None:
    found = Deployment.parse(data)
    assert Deployment.parse(found.serialise()) == found


def contracts(data: bytes) -> None:
    value = lax_json(data)
    assert Contracts.from_json(value).to_json() == value


def key_file(data: bytes) -> None:
    for passphrase in (None, text(data[-8:])):
        try:
            TxSigner.from_bytes(data, passphrase=passphrase)
        except Denied:
            continue


_CALL = CODEC.call("GrantRegistry", "nullifiedAt", bytes(32))


def _logs(count: int) -> bytes:
    log = (
        f'{{"address":"{ADDRESS}","topics":["{HASH}","{HASH}"],"data":"0x00","blockNumber":"0x1",'
        f'"blockHash":"{HASH}","blockTimestamp":"0x2","transactionHash":"{HASH}","logIndex":"0x0"}}'
    )
    return ("[" + ",".join([log] * count) + "]").encode()


def _answers() -> list[bytes]:
    error = b'{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"execution reverted","data":"0x00"}}'
    receipt = (
        f'{{"blockHash":"{HASH}","transactionHash":"{HASH}","status":"0x1","gasUsed":"0x5208",'
        f'"contractAddress":"{ADDRESS}","number":"0x1","hash":"{HASH}","timestamp":"0x2","baseFeePerGas":"0x1"}}'
    )
    both = ",".join(f'{{"jsonrpc":"2.0","id":{number},"result":"0x0{number}"}}' for number in range(2))
    return [f"[{both}]".encode(), b'"0x7a69"', BLOCK, _logs(1), _logs(2), b"null", b'"0x"', error, receipt.encode()]


def _filled(kind: str) -> Any:
    if kind.endswith("[]"):
        return [_filled(kind[:-2])] * 2
    if kind.startswith("("):
        return tuple(_filled(part) for part in kind[1:-1].split(","))
    samples: dict[str, Any] = {
        "address": ADDRESS,
        "string": "名",
        "bytes": b"\x01\x02",
        "bool": True,
        "bytes32": b"\x03" * 32,
    }
    return samples.get(kind, b"\x0f" if kind == "bytes1" else 1)


def _abi_answers() -> list[bytes]:
    return [
        bytes([number]) + abi_encode(signature.outputs, [_filled(kind) for kind in signature.outputs])
        for number, signature in enumerate(ABI_CALLS)
    ]


def _abi_events() -> list[bytes]:
    found = []
    for number, signature in enumerate(ABI_EVENTS):
        pairs = list(zip(signature.types, signature.indexed, strict=True))
        topics = b"".join(abi_encode([kind], [_filled(kind)]) for kind, indexed in pairs if indexed)
        rest = [kind for kind, indexed in pairs if not indexed]
        found.append(bytes([number, len(topics) // 32]) + topics + abi_encode(rest, [_filled(kind) for kind in rest]))
    return found


def _refusals() -> list[bytes]:
    errors = [signature for (_, kind, _), signature in SIGNATURES if kind == "error"]
    return [s.hash[:4] + abi_encode(s.types, [_filled(kind) for kind in s.types]) for s in errors]


def _deployments() -> list[bytes]:
    bare = Deployment(31337, CONTRACTS, 1, bytes(32))
    return [
        bare.serialise(),
        bare.with_log("onefile/1/0x00/main", "vkey").serialise(),
        LogRecord("o", "v").origin.encode(),
    ]


def _key_files() -> list[bytes]:
    keystore = (
        '{"version":3,"id":"","address":"","crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"%s"},'
        '"ciphertext":"%s","kdf":"%s","kdfparams":{"dklen":32,"salt":"%s",%s},"mac":"%s"}}'
    )
    scrypt = keystore % ("00" * 16, "00" * 32, "scrypt", "00" * 32, '"n":2,"r":8,"p":1', "00" * 32)
    pbkdf2 = keystore % ("00" * 16, "00" * 32, "pbkdf2", "00" * 32, '"c":1,"prf":"hmac-sha256"', "00" * 32)
    return [b"0x" + b"07" * 32 + b"\n", scrypt.encode(), pbkdf2.encode(), b"0x" + b"00" * 32]


def greedy_keystores() -> Sequence[bytes]:
    scrypt, pbkdf2 = _key_files()[1:3]
    return [
        scrypt.replace(b'"n":2', b'"n":16777216'),
        scrypt.replace(b'"n":2,"r":8', b'"n":2,"r":16777216'),
        scrypt.replace(b'"p":1', b'"p":16777216'),
        scrypt.replace(b'"dklen":32', b'"dklen":4294967295'),
        pbkdf2.replace(b'"c":1', b'"c":2000000000'),
    ]


def many_answers() -> Sequence[bytes]:
    """Answers as long as an endpoint may send: of events, and of what is most to read for its length."""
    size, parts = endpoint.MAX_ANSWER_BYTES - 64, endpoint.MAX_PARTS - 8
    events_that_fit = min(size // (len(_logs(1)) + 1), parts // 10, MAX_LOGS)
    return [
        _logs(events_that_fit),
        b"[" + b"[]," * (parts // 2) + b"[]]",
        b"[" + b"{}," * (parts // 2) + b"0]",
        b"[" + b'"",' * parts + b"0]",
        b"[" + b"0," * parts + b"0]",
        b'"0x' + b"00" * (size // 2) + b'"',
        b"[" + b'"\\' * (size // 2),
        b"9" * size,
    ]


def long_arrays() -> Sequence[bytes]:
    """ABI answers that promise more than they hold, and arrays as long as an answer may be."""
    word, count = (32).to_bytes(32, "big"), MAX_ABI_BYTES // 32 - 2
    listing = [n for n, signature in enumerate(ABI_CALLS) if signature.outputs[0].endswith("[]")]
    promised = word + (2**40).to_bytes(32, "big") + bytes(1 << 16)
    held = [word + (count // members).to_bytes(32, "big") + bytes(count * 32) for members in (1, 2)]
    return [bytes([number]) + raw for number in listing for raw in (promised, *held)]


PARSERS = (
    Parser(
        "rpc-reads", reads, tuple(
            f"chain.answers.{name}"
            for name in ("result_of", "block_in", "number_in", "bytes_in", "hash_in", "account_in", "object_in", "list_in")
        ), lambda: _each(READS, _answers()),
        errors=REFUSED, limit=endpoint.MAX_ANSWER_BYTES, words=RPC_WORDS, bombs=lambda: [bytes([len(READS) - which]) + answer for which in (1, 2) for answer in many_answers()],
    ),
    Parser(
        "rpc-writes", writes, ("chain.answers.result_of",), lambda: _each(WRITES, _answers()),
        errors=REFUSED, limit=endpoint.MAX_ANSWER_BYTES, words=RPC_WORDS, bombs=lambda: [bytes([len(WRITES) - 1]) + answer for answer in many_answers()],
    ),
    Parser("abi-answer", answer, ("chain.codec.decode",), _abi_answers, errors=(Unavailable,), limit=8 << 20, bombs=long_arrays),
    Parser("abi-event", event, ("chain.codec.Codec.event", "chain.event_table.to_event"), _abi_events, errors=(Unavailable,), limit=1 << 20),
    Parser("contract-refusal", refusal, ("chain.codec.refusal_of",), _refusals, errors=(OneFileError,), limit=1 << 20),
    Parser("deployment", deployment, ("chain.deployment.Deployment.parse",), _deployments, limit=MAX_DEPLOYMENT + 64),
    Parser("contracts", contracts, ("chain.deployment.Contracts.from_json",), lambda: [b'{"agency_registry":"%s"}' % ADDRESS.encode(), _contracts()]),
    Parser(
        "key-file", key_file, ("chain.signer.TxSigner.from_bytes",), _key_files,
        errors=(Malformed,), limit=MAX_KEY_FILE + 64, words=(b'"kdf":"pbkdf2"', b'"n":', b'"c":', b'"dklen":'), bombs=greedy_keystores, cpu_ms=3000, mib=300,
        why="a passphrase costs what the keystore's maker chose, up to what usual programs write",
    ),
)  # fmt: skip


def _contracts() -> bytes:
    import json

    return json.dumps(CONTRACTS.to_json()).encode()
