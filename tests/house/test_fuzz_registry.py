"""Every function that reads outside bytes is fuzzed, or stands in a list that says why not."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatch
from functools import cache
from types import FrameType
from typing import Any

import pytest

from tests.fuzz import corpus
from tests.fuzz.parser import Foreign, Parser, attempt
from tests.fuzz.registry import PARSERS
from tests.strangers import ROOT

PACKAGES = ("protocol", "console", "chain", "vault_api", "client", "wallet_cli", "agency_cli")
READER = re.compile(
    r"parse|parse_.+|from_json|.+_from_json|from_bytes|loads|loads_.+|decode|decode_.+|unb64u?|unhex0x|unbase45|unpack|unwrap"
    r"|read_.+|open_.+|recover|error_of|.+_in|result_of|refusal_of|addressee|of_token"
)
# Whoever reads by one of these names reads what is fuzzed already, what we wrote ourselves, or no bytes at all.
NOT_FUZZED = {
    "protocol.eip712._*.from_json": "one member of a message: a part of eip712-message",
    "protocol.envelope.unwrap": "a part of age-file and age-joined",
    "protocol.envelope.open_bytes": "open_stream, into memory: a part of age-file",
    "protocol.recipients.*.unwrap": "takes stanzas that are parsed already: a part of age-file",
    "protocol.offline.unpack": "a part of offline-message",
    "protocol.stream.read_full": "reads so many bytes of a stream and looks at none",
    "protocol.tiles._node_in": "a node of a tree, no bytes",
    "console.frame.*": "the arguments of a program, by click",
    "chain.files.read_deployment": "reads a bounded file and gives it to Deployment.parse",
    "client.files.read_if_file": "bounded, and looks at none of the bytes",
    "client.deployment.read_record": "reads a bounded file and gives it to Deployment.parse",
    "client.written.loads_written": "canonical.loads_object, and the standard library where that has refused",
    "client.trust.read_trust": "reads a bounded file and gives it to open_trust",
    "client.pack.read_pack": "reads a bounded file and gives it to open_pack",
    "client.keystore.read_keys": "key-store behind age-file; its scrypt takes 64 MiB and more, as a passphrase should",
    "chain.signer.open_or_create": "gives its file to from_bytes",
    "*.open_dossier": "opens a dossier on chain or in the vault: reads nothing",
    "*.open_log": "opens a log on chain: reads nothing",
    "*.open_show": "opens a session in the vault: its body is a part of request-body",
    "*.open_desk": "opens connections",
    "*.open_keys": "takes keys from the agent or the key store, which are fuzzed",
    "*.open_ledger": "opens a connection",
    "chain.cli_common.open_reads": "opens a connection",
    "vault_api.blobs.open_blobs": "a setting of the operator",
    "vault_api.db.engine.open_engine": "a setting of the operator",
    "*.read_settings": "the operator's own environment",
    "vault_api.fact_codec.decode_*": "what the vault wrote into its own database",
    "vault_api.chain_facts.ChainFacts.keep_in": "keeps, and reads nothing",
    "vault_api.limits.addresses.parse_networks": "a setting of the operator",
    "vault_api.log_key.read_secret": "the vault's own secret file",
    "vault_api.log_store.LogStore.read_tile": "takes a path, by parse_tile_path, and gives the log's own bytes",
    "vault_api.services.payloads.read_span": "gives a payload's bytes and looks at none",
    "vault_api.services.releases.read_receipt": "gives its text to parse_receipt",
    "client.log_reading.read_tile": "fetches a tile and looks at none of its bytes",
    "client.monitoring.watching.read_gossip": "a bounded file of base64, whose notes go to verify_checkpoint",
    "client.facts.AnchorHistory.read_on": "asks the ledger, whose answers are fuzzed",
    "wallet_cli.commands.files.read_file": "a bounded file, which its caller gives to a parser",
    "wallet_cli.commands.setup.read_phrase": "a bounded file or what is typed, for Mnemonic",
    "wallet_cli.commands.recover.recover": "the name of a group of commands",
    "wallet_cli.services.guarding.read_request": "gives its bytes to RecoveryRequest.parse",
    "wallet_cli.services.*.open_*": "gives what it reads to parsers of protocol that are fuzzed",
    "agency_cli.services.parcels.open_*": "parcel-file, and comparisons of what it holds",
    "agency_cli.services.rows.open_text": "opens a file of a chosen encoding and reads nothing",
    "agency_cli.window.counter.Counter.open_answer": "compares four digits",
}


@cache
def readers() -> tuple[str, ...]:
    """The functions and methods of our packages whose names say that they read something."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            module = str(path.relative_to(ROOT)).removesuffix(".py").replace("/", ".")
            functions = _functions(ast.parse(path.read_text(encoding="utf-8")))
            found += [".".join((module, *owner, name)) for owner, name in functions if READER.fullmatch(name)]
    return tuple(found)


def _functions(tree: ast.Module) -> Iterator[tuple[tuple[str, ...], str]]:
    for node in tree.body:
        members = node.body if isinstance(node, ast.ClassDef) and not _is_protocol(node) else []
        owner = (node.name,) if isinstance(node, ast.ClassDef) else ()
        for function in members if owner else [node]:
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                yield owner, function.name


def _is_protocol(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)


_HERE = f"{ROOT}/"
FUZZED = {name for parser in PARSERS.values() for name in parser.reads}


def test_every_function_that_reads_is_fuzzed_or_excused() -> None:
    assert [
        name for name in readers() if name not in FUZZED and not any(fnmatch(name, pattern) for pattern in NOT_FUZZED)
    ] == []


def test_no_excuse_is_left_over() -> None:
    unneeded = [p for p in NOT_FUZZED if not any(fnmatch(name, p) and name not in FUZZED for name in readers())]
    assert unneeded == []


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_gives_its_bytes_to_the_functions_that_it_names(name: str) -> None:
    parser = PARSERS[name]
    assert set(parser.reads) <= entered(parser)


def entered(parser: Parser) -> set[str]:
    """The functions that run while seeds and corpus are replayed, until all that the parser names are among them."""
    found: set[str] = set()

    def on_call(frame: FrameType, event: str, _argument: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(_HERE):
            found.add(f"{code.co_filename[len(_HERE) : -3].replace('/', '.')}.{code.co_qualname}")

    inputs = [*parser.seeds(), *(kept.data for kept in corpus.load(parser.name))]
    with suppress(Foreign):
        attempt(parser, inputs[0])  # what it imports need not be traced
    before = sys.getprofile()
    sys.setprofile(on_call)
    try:
        for data in inputs:
            with suppress(Foreign):
                attempt(parser, data)
            if found.issuperset(parser.reads):
                break
    finally:
        sys.setprofile(before)
    return found
