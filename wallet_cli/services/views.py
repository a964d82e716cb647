"""What a person sees of an item: names and values in the language in use, and never an id of a person in a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from client.titles import spoken, taken, type_title
from protocol.canonical import Json
from protocol.credential import CLEAR
from protocol.encoding import b64u
from protocol.licence_types import by_vct, claim_titles
from wallet_cli.services.opening import OpenedItem


def title_of(item: OpenedItem) -> str:
    """What the item is called."""
    if item.own is not None:
        return item.own.title
    assert item.credential is not None
    return spoken(type_title(item.credential))


def vct_of(item: OpenedItem | None) -> str | None:
    """The type of an item; None of an own document, and of an item that is not here."""
    return None if item is None or item.credential is None else item.credential.vct


def dimension_of(item: OpenedItem) -> str | None:
    """The part of life that the catalogue files the item's type under; None of a type that it does not know."""
    known = by_vct(item.credential.vct) if item.credential is not None else None
    return known.dimension if known is not None else None


def summary(item: OpenedItem) -> dict[str, Any]:
    """One row of the list of items."""
    record, credential = item.record, item.credential
    return {
        "item": record.id,
        "kind": item.kind,
        "title": title_of(item),
        "own": item.own is not None,
        "dimension": dimension_of(item),
        "issuer": None if credential is None else credential.issuer,
        "issuer_name": None if credential is None else credential.licence.dept_name,
        "issued": None if credential is None else credential.licence.issue_date.isoformat(),
        "expires": _expiry(item),
        "documents": len(item.documents),
        "at": record.at,
        "claimed": record.claimed_at is not None,
        "damaged": record.damaged,
    }


def details(item: OpenedItem) -> dict[str, Any]:
    """Everything of an item: claims with their pointers, documents, and where it stands in the log."""
    return {
        **summary(item),
        "note": item.own.note if item.own else None,
        "claims": list(claims(item)),
        "documents": [
            {
                "number": document.position,
                "name": document.entry.name,
                "media_type": document.entry.media_type,
                "size": document.entry.size,
                "sha256": b64u(document.entry.sha256),
                "payload": b64u(document.payload),
            }
            for document in item.documents
        ],
        "index": item.record.index,
        "status": None if item.credential is None else item.credential.status.uri,
    }


def claims(item: OpenedItem) -> Iterator[dict[str, Json]]:
    """The claims of a credential: pointer, name in the language in use, value; those in the clear marked."""
    if item.credential is None:
        return
    titles = claim_titles(item.credential.vct)
    for pointer, value in sorted(item.credential.opened.values.items()):
        name = pointer[1:].split("/")[0]
        if isinstance(value, dict | list) or name in {"cnf", "status", "files", "_sd_alg"}:
            continue
        yield {
            "pointer": pointer,
            "title": spoken(titles[pointer]) if pointer in titles else pointer[1:],
            "value": value,
            "always_shown": name in CLEAR,
        }


def used(rows: Iterable[Mapping[str, Any]], items: Mapping[str, OpenedItem]) -> Iterator[str]:
    """What a use took, an item a line: the names of its claims, and how many documents."""
    for row in rows:
        item = items.get(row["item"])
        what = taken(vct_of(item), row["claims"], len(row["documents"]))
        yield what if item is None else f"{title_of(item)}: {what}"


def _expiry(item: OpenedItem) -> str | None:
    if item.credential is None or item.credential.licence.expiring_date is None:
        return None
    return item.credential.licence.expiring_date.isoformat()
