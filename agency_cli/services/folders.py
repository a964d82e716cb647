"""The folder of one use: everything that was handed over and everything that shows how, to be verified again later.

    use.json              {v, posted_at, parcels, items}
    receipt.jws           what we signed                  scenario.jws          what it was for
    grant.json            what the holder signed (not for a show)
    record.json entry.json opening.json proof.tlog-proof checkpoint
                          our use in the log: object, entry, opening, proof, and the proof's signed head
    cards.json            full key cards of issuers and authority, as they were published
    parcel-1.age …        as the holder sealed them to us
    items/1/…             presentation.sd-jwt, slip.jws, entry.json, proof.tlog-proof, status.jwt
    documents/1/…         the documents of item 1, opened
    claims.json           the claims that were shown, by item
    verdict.json          what we came to

Private to its owner. It is made under another name and renamed when it is whole, so that no half of a use lies
about. Nothing is true because it lies in a folder: reading it back gives bytes, and ``review`` judges them.
"""

from __future__ import annotations

import contextlib
import glob
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agency_cli.services.judging import Judged, Kept, Outcome
from client.files import PRIVATE_FOLDER, private_folder, read_if_file, write_json, write_private
from protocol import canonical
from protocol.canonical import Json
from protocol.entries import Opening
from protocol.errors import Conflict, Denied, Malformed
from protocol.facts import StatusFact
from protocol.fields import Fields
from protocol.grant import GrantEnvelope
from protocol.hashing import sha256
from protocol.keycard import KeyCardEnvelope
from protocol.receipts import Receipt, parse_receipt
from protocol.scenario import Scenario, parse_scenario
from protocol.signed import Signed
from protocol.tlog_proof import TlogProof

MAX_FILE = 8 << 20
MAX_ITEMS = 64
MAX_CARDS = 1024
MAX_NAME_BYTES = 200
_VERSION = 1
_USE = "use.json"


@dataclass(frozen=True, slots=True)
class LoggedUse:
    """Our use in the log: entry, its proof, its opening, and the access record that it commits to."""

    entry: bytes
    proof: bytes
    opening: Opening
    record: bytes


@dataclass(frozen=True, slots=True)
class UseFiles:
    """What lies in a folder, parsed and not verified. ``envelope`` and ``posted_at`` (seconds, the vault's word) are
    None for a show; ``kept`` is in the order of the items handed over. ``cards`` are those of others that signed."""

    receipt: Signed[Receipt]
    scenario: Signed[Scenario]
    envelope: GrantEnvelope | None
    posted_at: int | None
    logged: LoggedUse
    parcels: tuple[bytes, ...]
    cards: tuple[KeyCardEnvelope, ...]
    kept: tuple[Kept, ...] = ()


@contextlib.contextmanager
def building(target: Path) -> Iterator[Path]:
    """A private folder that becomes ``target`` if the block ends well, and else is gone."""
    refuse_existing(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # A process that was killed cleans nothing up: what it had opened lies here until the next try.
    for left in target.parent.glob(f".{glob.escape(target.name[:64])}.*.part"):
        shutil.rmtree(left, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name[:64]}.", suffix=".part", dir=target.parent))
    try:
        part.chmod(PRIVATE_FOLDER)
        yield part
        refuse_existing(target)
        part.rename(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def refuse_existing(target: Path) -> None:
    """``Conflict("folder_exists")``: what one use handed over is never mixed with another's."""
    if target.exists() or target.is_symlink():
        raise Conflict("folder_exists", "{path} exists already and is not replaced", path=str(target))


def write_use(folder: Path, files: UseFiles, outcome: Outcome) -> None:
    """Write everything but the documents into a folder that is being built."""
    write_json(
        folder / _USE,
        {"v": _VERSION, "posted_at": files.posted_at, "parcels": len(files.parcels), "items": len(outcome.items)},
    )
    write_private(folder / "receipt.jws", files.receipt.raw.encode("ascii"))
    write_private(folder / "scenario.jws", files.scenario.raw.encode("ascii"))
    if files.envelope is not None:
        write_private(folder / "grant.json", files.envelope.raw)
    write_logged(folder, files.logged)
    write_json(folder / "cards.json", {"v": _VERSION, "cards": [card.to_json() for card in files.cards]})
    for number, parcel in enumerate(files.parcels, 1):
        write_private(folder / f"parcel-{number}.age", parcel)
    for number, judged in enumerate(outcome.items, 1):
        _write_item(private_folder(folder / "items" / str(number)), judged)
    write_json(folder / "claims.json", claims_of(outcome))
    write_verdict(folder, outcome)


def write_logged(folder: Path, logged: LoggedUse) -> None:
    """Our use in the log; called again where a newer proof replaces the one that came with the release."""
    write_private(folder / "record.json", logged.record)
    write_private(folder / "entry.json", logged.entry)
    write_json(folder / "opening.json", logged.opening.to_json())
    write_private(folder / "proof.tlog-proof", logged.proof)
    write_private(folder / "checkpoint", TlogProof.parse(logged.proof).checkpoint)


def write_item_proof(folder: Path, number: int, proof: bytes) -> None:
    """A newer proof of an item's deposit (items count from 1)."""
    write_private(folder / "items" / str(number) / "proof.tlog-proof", proof)


def write_verdict(folder: Path, outcome: Outcome) -> None:
    """What we came to, for people and programs; nobody verifies by it."""
    write_json(folder / "verdict.json", outcome.to_json())


def is_use(folder: Path) -> bool:
    """Whether a use was written there."""
    return (folder / _USE).is_file()


def read_use(folder: Path) -> UseFiles:
    """What lies in a folder of a use; ``Denied("use_not_found")`` if it is none, ``Malformed`` if it is garbled."""
    said = _read_if(folder / _USE)
    if said is None:
        raise Denied("use_not_found", "there is no use in {path}: it has no use.json", path=str(folder))
    fields = Fields(canonical.loads_object(said, limit=MAX_FILE, what=_USE), "use")
    fields.uint("v", least=_VERSION, most=_VERSION)
    posted_at = None if fields.is_null("posted_at") else fields.time("posted_at")
    parcels, items = fields.uint("parcels", least=1, most=MAX_ITEMS), fields.uint("items", least=1, most=MAX_ITEMS)
    fields.done()
    grant = _read_if(folder / "grant.json")
    return UseFiles(
        receipt=parse_receipt(_read(folder / "receipt.jws")),
        scenario=parse_scenario(_read(folder / "scenario.jws")),
        envelope=None if grant is None else GrantEnvelope.parse(grant),
        posted_at=posted_at,
        logged=LoggedUse(
            entry=_read(folder / "entry.json"),
            proof=_read(folder / "proof.tlog-proof"),
            opening=Opening.from_json(canonical.loads(_read(folder / "opening.json"), what="opening.json")),
            record=_read(folder / "record.json"),
        ),
        parcels=tuple(_read(folder / f"parcel-{number}.age") for number in range(1, parcels + 1)),
        cards=_read_cards(folder),
        kept=tuple(_read_item(folder / "items" / str(number)) for number in range(1, items + 1)),
    )


def read_claims(folder: Path) -> Json:
    """``claims.json``, to be compared with what the presentations show."""
    return canonical.loads(_read(folder / "claims.json"), limit=MAX_FILE, what="claims.json")


def claims_of(outcome: Outcome) -> dict[str, Json]:
    """The claims that were shown, by item: what a person works with."""
    return {"items": [_item_claims(judged) for judged in outcome.items]}


def document_path(folder: Path, item: int, name: str) -> Path:
    """Where a document of item ``item`` (from 1) lies.

    That its name climbs out of no folder was checked when the credential was read. A name of 200 Chinese characters has
    600 bytes, and a file's may have 255: a longer one is shortened, and kept apart from others by its hash.
    """
    return folder / "documents" / str(item) / _fitting(name)


def _fitting(name: str) -> str:
    if len(name.encode("utf-8")) <= MAX_NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    suffix = f"~{sha256(name.encode('utf-8')).hex()[:8]}" + (f".{ending[:16]}" if dot else "")
    room = MAX_NAME_BYTES - len(suffix.encode("utf-8"))
    return (stem or name).encode("utf-8")[:room].decode("utf-8", "ignore") + suffix


def _item_claims(judged: Judged) -> dict[str, Json]:
    credential, licence = judged.handed.credential, judged.handed.credential.licence
    values = credential.opened.values
    return {
        "item": judged.handed.id,
        "query": None if judged.handed.part is None else judged.handed.part.query,
        "type": credential.licence_type,
        "vct": credential.vct,
        "issuer": credential.issuer,
        "issue_dept_name": licence.dept_name,
        "issue_date": licence.issue_date.isoformat(),
        "effective_date": licence.effective_date.isoformat(),
        "expiring_date": None if licence.expiring_date is None else licence.expiring_date.isoformat(),
        "subject": values.get("/sub"),
        "claims": {pointer: values[pointer] for pointer in credential.named},
        "documents": [
            {**document.entry.to_json(), "payload_size": document.payload_size} for document in judged.handed.documents
        ],
    }


def _write_item(folder: Path, judged: Judged) -> None:
    write_private(folder / "presentation.sd-jwt", judged.handed.item.presentation.encode("ascii"))
    write_private(folder / "slip.jws", judged.handed.item.slip.encode("ascii"))
    write_private(folder / "entry.json", judged.kept.entry)
    write_private(folder / "proof.tlog-proof", judged.kept.proof)
    if judged.kept.status is not None:
        write_private(folder / "status.jwt", judged.kept.status.raw.encode("ascii"))


def _read_cards(folder: Path) -> tuple[KeyCardEnvelope, ...]:
    fields = Fields(canonical.loads(_read(folder / "cards.json"), limit=MAX_FILE, what="cards.json"), "cards")
    fields.uint("v", least=_VERSION, most=_VERSION)
    cards = tuple(KeyCardEnvelope.from_json(value) for value in fields.array("cards", most=MAX_CARDS))
    fields.done()
    return cards


def _read_item(folder: Path) -> Kept:
    status = _read_if(folder / "status.jwt")
    # When it was fetched does not matter any more: its age is counted from when it was signed.
    fact = None if status is None else StatusFact(status.decode("latin-1"), 0)
    return Kept(_read(folder / "entry.json"), _read(folder / "proof.tlog-proof"), fact)


def _read(path: Path) -> bytes:
    found = _read_if(path)
    if found is None:
        raise Malformed("use_incomplete", "the folder of the use lacks {name}", name=path.name)
    return found


def _read_if(path: Path) -> bytes | None:
    return read_if_file(path, limit=MAX_FILE)
