"""The usual service: a route in a thread, a session for each request, one transaction for each use.

Written as its users would who care for speed: one lock before SQLite's, so that writers queue instead of polling for
it; signatures are checked before the lock is taken. Left out, unlike ours: Merkle proofs, tiles, signed checkpoints,
idempotent answers.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bench.usual import checks
from bench.usual.models import Agency, Dossier, Grant, LogEntry, Nullifier, Scenario, Use, open_database

DATABASE, LOG = "BENCH_USUAL_DATABASE", "BENCH_USUAL_LOG"
app = FastAPI()
_sessions = sessionmaker(open_database(os.environ[DATABASE]))
_origin = os.environ[LOG]
_writing = threading.Lock()


class Release(BaseModel):
    receipt: str


class Released(BaseModel):
    use_no: int
    index: int
    entry: str
    parcel: str


def session() -> Iterator[Session]:
    with _sessions() as found:
        yield found


@app.post("/v1/grants/{grant}/release")
def release(grant: str, body: Release, db: Annotated[Session, Depends(session)]) -> Released:
    """One use of a grant."""
    row = db.get(Grant, grant)
    if row is None:
        raise checks.refuse(404, "grant unknown")
    terms = row.typed_data["message"]
    agency = db.get(Agency, terms["agency"].lower())
    dossier = db.get(Dossier, terms["dossier"])
    scenario = db.get(Scenario, terms["scenario"])
    if agency is None or dossier is None or scenario is None:
        raise checks.refuse(403, "party unknown")
    now = int(time.time())
    receipt = checks.read_receipt(body.receipt, agency)
    if receipt.grant != grant:
        raise checks.refuse(403, "receipt grant")
    checks.check_receipt(receipt, terms, agency, _origin, now)
    checks.check_signature(row, dossier)
    checks.check_scope(terms, dossier, agency, scenario, now)
    db.rollback()
    with _writing:
        return _use(db, grant, dossier.dossier, receipt, body.receipt)


def _use(db: Session, grant: str, dossier: str, receipt: checks.Receipt, raw: str) -> Released:
    row, holder, now = db.get_one(Grant, grant), db.get_one(Dossier, dossier), int(time.time())
    checks.check_alive(row, holder, db.get(Nullifier, row.typed_data["message"]["nullifier"]), now)
    if db.scalar(select(Use.id).where(Use.grant_id == grant, Use.jti == receipt.jti)) is not None:
        raise checks.refuse(409, "receipt used")
    row.uses += 1
    row.last_use_at = now
    digest = hashlib.sha256(raw.encode()).hexdigest()
    db.add(Use(grant_id=grant, use_no=row.uses, jti=receipt.jti, receipt=raw, receipt_sha256=digest, at=now))
    entry = _log(db, {"t": "access", "receipt": digest, "grant": grant, "use_no": row.uses, "at": now})
    answer = Released(use_no=row.uses, index=entry.idx, entry=entry.entry, parcel=row.parcel.hex())
    db.commit()
    return answer


def _log(db: Session, event: dict[str, object]) -> LogEntry:
    newest = db.scalar(select(func.max(LogEntry.idx)))
    previous = db.get_one(LogEntry, newest).hash if newest is not None else ""
    text = json.dumps(event)
    digest = hashlib.sha256((previous + text).encode()).hexdigest()
    entry = LogEntry(idx=0 if newest is None else newest + 1, previous=previous, entry=text, hash=digest)
    db.add(entry)
    return entry
