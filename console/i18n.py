"""Chinese and English: one catalog, one lookup, decided once per process and per request.

The English text is the key. ``_("…")`` translates now; ``N_("…")`` only marks a text that is
translated later (help texts, hints, tables of titles). Error templates need no mark: the second
argument of every ``protocol.errors`` exception is extracted as it stands.

The process language is the first of: ``--lang`` on the command line, ``ONEFILE_LANG``, ``LC_ALL``,
``LC_MESSAGES``, ``LANG``; anything that is not Chinese is English. A server sets no process
language: it calls ``translate(template, lang)`` for each answer.
"""

from __future__ import annotations

import contextlib
import gettext
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from time import localtime, strftime

from protocol.errors import Fact, OneFileError, fill

LANGUAGES = ("en", "zh")
DOMAIN = "onefile"
LOCALE_DIR = Path(__file__).with_name("locale")

# Facts of these names hold seconds since 1970; people read a local date and time instead.
_TIME_FACTS = frozenset(
    {
        *("at", "now", "created", "exp", "expires", "iat", "issued_at", "not_after", "not_before", "until"),
        *("since", "start", "end", "last", "next", "effective"),
    }
)
_TIME_FACT_ENDS = ("_at", "_time", "_until")
# Facts of these names hold a word of ours for a thing or a form, which the catalog may know.
_WORD_FACTS = frozenset({"what", "want", "problem"})
_FIRST_TIME = 1_000_000_000  # a smaller number is a duration or a count, whatever its name

_process: str | None = None
_context: ContextVar[str | None] = ContextVar("onefile_language", default=None)


def detect(argv: Sequence[str], environ: Mapping[str, str]) -> str:
    """The language that ``argv`` and ``environ`` ask for: ``zh`` or ``en``."""
    for asked in (
        _lang_option(argv),
        *(environ.get(name) for name in ("ONEFILE_LANG", "LC_ALL", "LC_MESSAGES", "LANG")),
    ):
        if asked:
            return normalise(asked)
    return "en"


def normalise(tag: str) -> str:
    """``zh`` for any spelling of Chinese (``zh_CN.UTF-8``, ``zh-Hans``), else ``en``."""
    return "zh" if tag.strip().lower().replace("_", "-").split("-")[0].split(".")[0] == "zh" else "en"


def accept_language(header: str | None) -> str:
    """The best of our languages for an ``Accept-Language`` header (RFC 9110 §12.5.4)."""
    best, best_weight = "en", 0.0
    for part in (header or "").split(",")[:32]:
        tag, _sep, parameter = part.strip().partition(";")
        if tag.strip().lower().split("-")[0] not in LANGUAGES:
            continue
        weight = _weight(parameter)
        if weight > best_weight:
            best, best_weight = normalise(tag), weight
    return best


def set_language(lang: str) -> None:
    """Make ``lang`` the language of this process, of click's own texts too."""
    global _process  # noqa: PLW0603 (a process has one language; set once at the edge)
    _process = normalise(lang)
    gettext.bindtextdomain(DOMAIN, str(LOCALE_DIR))
    gettext.textdomain(DOMAIN)
    # click calls the standard library's gettext, which reads the environment at every call.
    os.environ["LANGUAGE"] = _process


def language() -> str:
    """The language that ``_`` speaks now: of this context if one was set, else of the process."""
    chosen = _context.get() or _process
    if chosen is None:
        set_language(detect(sys.argv[1:], os.environ))
        chosen = _process or "en"
    return chosen


@contextlib.contextmanager
def speaking(lang: str) -> Iterator[None]:
    """Speak ``lang`` in this thread or task for the length of a ``with`` block."""
    token = _context.set(normalise(lang))
    try:
        yield
    finally:
        _context.reset(token)


def _(message: str) -> str:
    """``message`` in the current language."""
    return translate(message, language())


def ngettext(one: str, many: str, count: int) -> str:
    """The form for ``count`` in the current language, not filled."""
    return _catalog(language()).ngettext(one, many, count)


def N_(message: str) -> str:  # noqa: N802 (gettext's own name for "extract, translate later")
    """Mark ``message`` for extraction and return it unchanged."""
    return message


def translate(message: str, lang: str) -> str:
    """``message`` in ``lang``; unchanged where the catalog does not know it."""
    return _catalog(normalise(lang)).gettext(message) if message else ""


def describe(error: OneFileError, lang: str | None = None, *, local_times: bool = True) -> str:
    """The message of ``error`` in ``lang`` (else the current language), its facts filled in."""
    spoken = lang or language()
    facts = {k: translate(v, spoken) if k in _WORD_FACTS and isinstance(v, str) else v for k, v in error.facts.items()}
    if local_times:
        facts = {k: _spell(k, v) for k, v in facts.items()}
    return fill(translate(error.template, spoken), facts)


def moment(seconds: int) -> str:
    """Seconds since 1970 as local date and time, with the zone."""
    return strftime("%Y-%m-%d %H:%M:%S %z", localtime(seconds))


@cache
def _catalog(lang: str) -> gettext.NullTranslations:
    if lang == "en":
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, LOCALE_DIR, [lang], fallback=True)


def _lang_option(argv: Sequence[str]) -> str | None:
    for i, word in enumerate(argv):
        if word == "--":
            break
        if word.startswith("--lang="):
            return word.partition("=")[2]
        if word == "--lang" and i + 1 < len(argv):
            return argv[i + 1]
    return None


def _weight(parameter: str) -> float:
    name, _sep, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def is_time(name: str, value: Fact) -> bool:
    """Whether a fact of this name and value holds seconds since 1970."""
    named = name in _TIME_FACTS or name.endswith(_TIME_FACT_ENDS)
    return named and isinstance(value, int) and value >= _FIRST_TIME


def _spell(name: str, value: Fact) -> Fact:
    return moment(int(value)) if is_time(name, value) else value
