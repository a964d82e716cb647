"""``/paper``: the static page that checks a paper copy's code in the browser (docs/spec/paper.md §3).

What the code says stands behind the ``#`` of the address, which no browser sends. The page asks for the issuer's row
and for its status list, by their public routes, and for nothing else.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from console.i18n import LANGUAGES, N_, translate
from protocol.licence_types import CATALOGUE, HOLDER_FIELDS, Title

FILES = Path(__file__).with_name("paper_files")
TYPES = {"check.js": "text/javascript", "page.js": "text/javascript", "page.css": "text/css"}
WORDS_TYPE = "application/json"
# What a page that says who is in order shows must come from nowhere else, and nobody may frame it.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
STATES = {
    "checking": N_("Checking …"),
    "valid": N_("Genuine and valid"),
    "revoked": N_("Revoked or replaced"),
    "suspended": N_("Suspended"),
    "correcting": N_("Being changed"),
    "expired": N_("Expired"),
    "altered": N_("Not genuine"),
    "foreign": N_("Of another system"),
    "unknown": N_("Cannot be checked now"),
    "malformed": N_("No code of a paper copy"),
}
CODES = {
    "valid": N_("Signed by the issuer, and still in force by the issuer's list."),
    "revoked": N_("The issuer has revoked the licence, or issued a newer one."),
    "suspended": N_("The issuer has suspended the licence. Ask the issuer."),
    "correcting": N_("The issuer is correcting the licence: what is printed may be wrong. Ask the issuer."),
    "paper_expired": N_("This copy was made for a limited time, which is over. Ask for a new one."),
    "licence_expired": N_("The licence itself has ended."),
    "signature": N_("The signature does not fit: the code was changed or is not by this issuer."),
    "key_compromised": N_("The issuer has reported the key that signed this copy as stolen."),
    "key_changed": N_("The issuer has newer keys than this copy. Ask for a new copy."),
    "card_missing": N_("The issuer's key card is not at this vault."),
    "unreachable": N_("The vault does not answer. Check the connection and try again."),
    "not_here": N_("This vault does not know the issuer or its list."),
    "status_stale": N_("The issuer's list is too old to say anything. Try again later."),
    "clock": N_("The copy was signed later than this device's clock says. Set the clock."),
    "place": N_("The copy belongs to another vault, log or chain than this page."),
    "link": N_("The address is cut off or is none of ours. Scan the code again."),
}
SAY = {
    "title": N_("Check of a paper copy"),
    "noscript": N_("The check runs in your browser and needs JavaScript."),
    "facts": N_("What the issuer signed: compare it with the paper"),
    "limits": N_("What this check does not say"),
    "limit_copy": N_("A paper can be copied with its code: the check does not tell the first copy from another."),
    "limit_person": N_("It does not say who holds the paper: compare the person with an identity document."),
    "limit_key": N_("The issuer's key comes from this vault; a program with its own access to the chain proves more."),
    "limit_private": N_("The code was read in your browser. This vault was asked for the issuer and its list alone."),
    "again": N_("Check again"),
}
TEXT = {
    "issuer": N_("Issued by (registered name)"),
    "type": N_("Type"),
    "printed": N_("Printed"),
    "until": N_("The copy holds until"),
    "status_of": N_("Issuer's list of"),
    "yes": N_("yes"),
    "no": N_("no"),
}
COMMON = {
    "/certificate_id": Title("证照标识", "Certificate id"),
    "/certificate_number": Title("证照编号", "Certificate number"),
    "/issue_dept_name": Title("颁发机构", "Issuing department"),
    "/issue_date": Title("颁发日期", "Date of issue"),
    "/effective_date": Title("有效期起始", "Valid from"),
    "/expiring_date": Title("有效期截止", "Valid until"),
    **{f"/holder/{field.name}": field.title for field in HOLDER_FIELDS},
}


def page(lang: str, *, log: str, chain: int, registry: str) -> str:
    """The page in a language, for a vault with this log, chain and registry."""
    text: str = _template().render(lang=lang, log=log, chain=chain, registry=registry, say=_said(SAY, lang))
    return text


def file(name: str) -> tuple[bytes, str] | None:
    """A file of the page and its media type; None for any other name."""
    if name in TYPES:
        return (FILES / name).read_bytes(), TYPES[name]
    for lang in LANGUAGES:
        if name == f"words.{lang}.json":
            return _words(lang), WORDS_TYPE
    return None


@cache
def _words(lang: str) -> bytes:
    made: dict[str, Any] = {
        "states": _said(STATES, lang),
        "codes": _said(CODES, lang),
        "text": _said(TEXT, lang),
        "common": {pointer: _of(title, lang) for pointer, title in COMMON.items()},
        "types": {vct: _of(kind.title, lang) for vct, kind in CATALOGUE.items()},
        "claims": {
            vct: {pointer: _of(field.title, lang) for pointer, field in kind.graded().items()}
            for vct, kind in CATALOGUE.items()
        },
    }
    return json.dumps(made, ensure_ascii=False).encode("utf-8")


@cache
def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # not at every start: few ask for the page

    found = Environment(loader=FileSystemLoader(FILES), autoescape=True, undefined=StrictUndefined)
    return found.get_template("page.html")


def _said(texts: dict[str, str], lang: str) -> dict[str, str]:
    return {name: translate(text, lang) for name, text in texts.items()}


def _of(title: Title, lang: str) -> str:
    return title.zh if lang == "zh" else title.en
