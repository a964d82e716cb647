"""What a person sees of an item: names and values in the language in use, and never an id of a person in a log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from console.i18n import language
from protocol.canonical import Json
from protocol.credential import CLEAR
from protocol.encoding import b64u
from protocol.licence_types import HOLDER_FIELDS, Title, by_vct
from wallet_cli.services.opening import OpenedItem


def spoken(title: Title) -> str:
    """A title in the language in use."""
    return title.zh if language() == "zh" else title.en


def title_of(item: OpenedItem) -> str:
    """What the item is called."""
    if item.own is not None:
        return item.own.title
    assert item.credential is not None
    known = by_vct(item.credential.vct)
    return spoken(known.title) if known is not None else item.credential.licence_type


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
    titles = claim_titles(item)
    for pointer, value in sorted(item.credential.opened.values.items()):
        name = pointer[1:].split("/")[0]
        if isinstance(value, dict | list) or name in {"cnf", "status", "files", "_sd_alg"}:
            continue
        yield {
            "pointer": pointer,
            "title": titles.get(pointer, pointer[1:]),
            "value": value,
            "always_shown": name in CLEAR,
        }


def claim_titles(item: OpenedItem) -> dict[str, str]:
    """The names of the claims that the catalogue knows, by their pointers, in the language in use."""
    known = by_vct(item.credential.vct) if item.credential is not None else None
    titles = {f"/holder/{field.name}": field.title for field in HOLDER_FIELDS}
    titles |= {pointer: field.title for pointer, field in known.graded().items()} if known else {}
    return {pointer: spoken(title) for pointer, title in titles.items()}


def _expiry(item: OpenedItem) -> str | None:
    if item.credential is None or item.credential.licence.expiring_date is None:
        return None
    return item.credential.licence.expiring_date.isoformat()
