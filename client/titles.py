"""What things are called, in the language in use: titles, types, claims, values, and how many documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from console.i18n import _, language, ngettext
from protocol.canonical import Json
from protocol.licence_forms import Title

if TYPE_CHECKING:
    from protocol.credential import Credential


def spoken(title: Title) -> str:
    """A title in the language in use."""
    return title.zh if language() == "zh" else title.en


def both(title: Title) -> dict[str, str]:
    """A title in both languages, for programs."""
    return {"zh": title.zh, "en": title.en}


def said(value: Json) -> Json:
    """A value as a person reads it: a yes or a no in the language in use."""
    return (_("yes") if value else _("no")) if isinstance(value, bool) else value


def type_title(credential: Credential) -> Title:
    """What a credential's type is called; the type's own name where the catalogue does not know it."""
    from protocol.licence_types import by_vct

    known = by_vct(credential.vct)
    return known.title if known is not None else Title(credential.licence_type, credential.licence_type)


def claim_names(vct: str | None, pointers: Iterable[str]) -> list[str]:
    """Claims by the catalogue's names, in the pointers' order; where it has none, by the pointer without its slash.

    Documents (``/files/…``) are left out: those are counted.
    """
    from protocol.licence_types import claim_titles

    titles = claim_titles(vct) if vct is not None else {}
    claims = [pointer for pointer in pointers if not pointer.startswith("/files")]
    return [spoken(titles[pointer]) if pointer in titles else pointer[1:] for pointer in claims]


def taken(vct: str | None, claims: Iterable[str], documents: int) -> str:
    """What is taken of an item, in one line: the names of its claims, and how many documents."""
    count = [ngettext("{count} document", "{count} documents", documents).format(count=documents)] if documents else []
    return ", ".join([*claim_names(vct, claims), *count])
