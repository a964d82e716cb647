"""Plumbing for strangers: our age and Merkle code on standard input, with exit codes and nothing else.

    python -m protocol age-encrypt -r RECIPIENT [-r …] < plain > file.age
    python -m protocol age-decrypt [-i IDENTITIES] [--passphrase-file FILE] < file.age > plain
    python -m protocol check-inclusion < vector.json
    python -m protocol check-consistency < vector.json

Exit 0 accepted, 1 the machine failed, 2 wrong usage, 3 rejected, 4 no identity fits, 7 not enough memory,
130 interrupted. One line on standard error, never a traceback. When ``age-decrypt`` ends with another code
than 0, what it wrote is authentic but only a part: throw it away.

This is the one file of ``protocol`` that touches files. Its sentences are for programmers and English only.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO, NoReturn, TextIO

from protocol import canonical, merkle
from protocol.encoding import unb64
from protocol.envelope import header_for, open_file
from protocol.errors import Denied, Malformed, OneFileError, Unavailable
from protocol.fields import Fields
from protocol.recipients import (
    Identity,
    Passphrase,
    ScryptIdentity,
    parse_identity,
    parse_recipient,
)
from protocol.stream import FileKey, encrypt_stream

ACCEPTED = 0
FAILED = 1
USAGE = 2
REJECTED = 3
NO_IDENTITY = 4
NO_MEMORY = 7
INTERRUPTED = 130

MAX_ARGUMENT_FILE_BYTES = 1 << 20  # identities, passphrase
MAX_VECTOR_BYTES = 1 << 20
MAX_IDENTITIES = 1024


class _UsageError(Exception):
    """What the command line names is wrong; its text is one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _UsageError(message)


def run(arguments: Sequence[str], stdin: BinaryIO, stdout: BinaryIO, stderr: TextIO) -> int:
    """Run one command on the given streams and return its exit code; raises nothing but ``--help``."""
    try:
        options = _parser().parse_args(arguments)
        command: Callable[[argparse.Namespace, BinaryIO, BinaryIO], None] = options.command
        command(options, stdin, stdout)
        stdout.flush()
    except _UsageError as error:
        return _say(stderr, str(error), USAGE)
    except OneFileError as error:
        return _say(stderr, f"{error} ({error.code})", _code(error))
    except OSError as error:
        return _say(stderr, error.strerror or "input or output failed", FAILED)
    except KeyboardInterrupt:
        return _say(stderr, "interrupted", INTERRUPTED)
    return ACCEPTED


def main() -> NoReturn:
    """The program: standard streams in, exit code out."""
    stderr = sys.stderr or io.StringIO()  # None when it is closed, and print() would take stdout instead
    try:
        # By number, as sys.stdin is None when it is closed, and a text layer is of no use here.
        with os.fdopen(0, "rb", closefd=False) as stdin, os.fdopen(1, "wb", closefd=False) as stdout:
            code = run(sys.argv[1:], stdin, stdout, stderr)
            if code == FAILED:  # what is still buffered can go nowhere, and must not fail a second time
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError as error:  # a stream that is closed
        code = _say(stderr, error.strerror or "input or output failed", FAILED)
    sys.exit(code)


@cache
def _parser() -> _Parser:
    parser = _Parser(prog="python -m protocol", description="OneFile's plumbing for other programs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    decrypt = commands.add_parser("age-decrypt", help="open an age v1 file from standard input")
    decrypt.add_argument("-i", dest="identities", action="append", default=[], metavar="IDENTITIES",
                         help="file of identities, one a line")  # fmt: skip
    decrypt.add_argument("--passphrase-file", metavar="FILE", help="file whose first line is the passphrase")
    decrypt.set_defaults(command=_decrypt)
    encrypt = commands.add_parser("age-encrypt", help="seal standard input as an age v1 file")
    encrypt.add_argument("-r", dest="recipients", action="append", required=True, metavar="RECIPIENT",
                         help="age1pq1… or age1…; may be repeated")  # fmt: skip
    encrypt.set_defaults(command=_encrypt)
    inclusion = commands.add_parser("check-inclusion", help="check one inclusion vector (JSON)")
    inclusion.set_defaults(command=_check_inclusion)
    consistency = commands.add_parser("check-consistency", help="check one consistency vector (JSON)")
    consistency.set_defaults(command=_check_consistency)
    return parser


def _decrypt(options: argparse.Namespace, stdin: BinaryIO, stdout: BinaryIO) -> None:
    identities = [found for name in options.identities for found in _identities(name)]
    if options.passphrase_file is not None:
        identities.append(_passphrase(options.passphrase_file))
    open_file(stdin, stdout, identities)


def _encrypt(options: argparse.Namespace, stdin: BinaryIO, stdout: BinaryIO) -> None:
    file_key = FileKey.random()
    try:
        header = header_for(file_key, [parse_recipient(text) for text in options.recipients])
    except Malformed as error:
        raise _UsageError(f"{error} ({error.code})") from None
    stdout.write(header)
    encrypt_stream(file_key, stdin, stdout)


def _check_inclusion(_options: argparse.Namespace, stdin: BinaryIO, _stdout: BinaryIO) -> None:
    vector = _vector(stdin)
    merkle.verify_inclusion(
        leaf=unb64(vector.take("leafHash"), what="leafHash"),
        index=vector.uint("leafIdx"),
        size=vector.uint("treeSize"),
        proof=_proof(vector),
        root=unb64(vector.take("root"), what="root"),
    )


def _check_consistency(_options: argparse.Namespace, stdin: BinaryIO, _stdout: BinaryIO) -> None:
    vector = _vector(stdin)
    merkle.verify_consistency(
        first=vector.uint("size1"),
        second=vector.uint("size2"),
        root_first=unb64(vector.take("root1"), what="root1"),
        root_second=unb64(vector.take("root2"), what="root2"),
        proof=_proof(vector),
    )


def _vector(stdin: BinaryIO) -> Fields:
    # `desc` and `wantErr` are the test's own and are not looked at: the checker must not know the answer.
    raw = stdin.read(MAX_VECTOR_BYTES + 1)
    return Fields(canonical.loads_object(raw, limit=MAX_VECTOR_BYTES, what="vector"), "vector")


def _proof(vector: Fields) -> list[bytes]:
    hashes = vector.take("proof")
    if hashes is None:  # how Go writes an empty list
        return []
    if not isinstance(hashes, list):
        raise Malformed("field_type", "{field}: expected {want}", field="vector.proof", want="list")
    return [unb64(h, what="proof") for h in hashes]


def _identities(name: str) -> list[Identity]:
    lines = [line.strip() for line in _text_file(name).splitlines()]
    keys = [(n, line) for n, line in enumerate(lines, 1) if line and not line.startswith("#")]
    if len(keys) > MAX_IDENTITIES:
        raise _UsageError(f"{name}: at most {MAX_IDENTITIES} identities, got {len(keys)}")
    return [_identity(name, n, line) for n, line in keys]


def _identity(name: str, number: int, line: str) -> Identity:
    try:
        return parse_identity(line)
    except Malformed as error:
        raise _UsageError(f"{name}: line {number}: {error} ({error.code})") from None


def _passphrase(name: str) -> Identity:
    first = _text_file(name).split("\n", 1)[0].removesuffix("\r")
    try:
        return ScryptIdentity(Passphrase(first))
    except Malformed as error:
        raise _UsageError(f"{name}: {error} ({error.code})") from None


def _text_file(name: str) -> str:
    try:
        with Path(name).open("rb") as stream:
            raw = stream.read(MAX_ARGUMENT_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _UsageError(f"{name}: {getattr(error, 'strerror', None) or 'cannot be read'}") from None
    if len(raw) > MAX_ARGUMENT_FILE_BYTES:
        raise _UsageError(f"{name}: larger than {MAX_ARGUMENT_FILE_BYTES} bytes")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _UsageError(f"{name}: not UTF-8 text") from None


def _code(error: OneFileError) -> int:
    if isinstance(error, Denied):
        return NO_IDENTITY
    return NO_MEMORY if isinstance(error, Unavailable) else REJECTED


def _say(stderr: TextIO, sentence: str, code: int) -> int:
    print("onefile:", " ".join(sentence.split()), file=stderr)
    return code


if __name__ == "__main__":
    main()
