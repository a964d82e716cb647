"""Build the Chinese catalog: ``python tools/catalogs.py`` writes it, ``--check`` only looks.

Texts are extracted from the source (``_``, ``N_``, ``ngettext``, and the template of every error),
translations come from ``console/locale/zh/parts/*.po``. The check fails when a text has no
translation, when two parts translate one text differently, when a translation loses a named field,
or when the committed ``.mo`` is not what the parts make.
"""

from __future__ import annotations

import io
import string
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("protocol", "console", "chain", "vault_api", "client", "wallet_cli", "agency_cli")
PARTS = ROOT / "console/locale/zh/parts"
CATALOG = ROOT / "console/locale/zh/LC_MESSAGES/onefile.mo"
KEYWORDS = {
    "_": None,
    "N_": None,
    "ngettext": (1, 2),
    **dict.fromkeys(("Malformed", "Untrusted", "Denied", "Unavailable", "Conflict"), (2,)),
}
_FIXED = datetime(2026, 1, 1, tzinfo=UTC)  # the file must not change when nothing changes

Message = str | tuple[str, ...]


def texts() -> dict[Message, str]:
    """Every text of the source that a person may read → where it stands."""
    found: dict[Message, str] = {}
    for package in PACKAGES:
        folder = ROOT / package
        if folder.is_dir():
            for name, line, message, _comments, _context in extract_from_dir(
                folder, method_map=[("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")], keywords=KEYWORDS
            ):
                found.setdefault(message, f"{package}/{name}:{line}")
    return {message: place for message, place in found.items() if message}


def parts() -> tuple[Catalog, list[str]]:
    """All parts in one catalog, and what is wrong among them."""
    whole = Catalog(
        locale="zh",
        domain="onefile",
        project="OneFile",
        version="1",
        creation_date=_FIXED,
        revision_date=_FIXED,
    )
    wrong: list[str] = []
    for path in sorted(PARTS.glob("*.po")):
        with path.open("rb") as handle:
            part = read_po(handle, locale="zh")
        for message in part:
            if not message.id or not message.string:
                continue
            known = whole.get(message.id)
            if known is not None and known.string != message.string:
                wrong.append(f"{path.name}: {message.id!r} is translated otherwise in an earlier part")
                continue
            wrong += (f"{path.name}: {message.id!r}: {text}" for text in _field_faults(message.id, message.string))
            whole.add(message.id, message.string)
    return whole, wrong


def compiled(catalog: Catalog) -> bytes:
    """The bytes of the ``.mo`` file; equal catalogs give equal bytes."""
    target = io.BytesIO()
    write_mo(target, catalog)
    return target.getvalue()


def missing(catalog: Catalog, found: dict[Message, str]) -> list[str]:
    """The texts of the source that the catalog lacks."""
    return [f"{place}: no translation of {message!r}" for message, place in found.items() if message not in catalog]


def main(argv: list[str]) -> int:
    catalog, faults = parts()
    faults += missing(catalog, texts())
    data = compiled(catalog)
    if "--check" not in argv:
        CATALOG.parent.mkdir(parents=True, exist_ok=True)
        CATALOG.write_bytes(data)
    elif not CATALOG.is_file() or CATALOG.read_bytes() != data:
        faults.append(f"{CATALOG.relative_to(ROOT)} is stale: run python tools/catalogs.py")
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"catalog: {len(catalog)} texts, {len(faults)} to mend")
    return 1 if faults else 0


def _field_faults(original: Message | list[str], translated: Message | list[str]) -> Iterator[str]:
    sources = (original,) if isinstance(original, str) else original
    targets = (translated,) if isinstance(translated, str) else translated
    wanted = set().union(*(_fields(text) for text in sources))
    for text in targets:
        if _fields(text) != wanted and len(sources) == 1:
            yield f"fields {sorted(_fields(text))}, expected {sorted(wanted)}"


def _fields(text: str) -> set[str]:
    if "{" not in text:
        return set()
    try:
        return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name}
    except ValueError:
        return set()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
