"""Both languages are whole: every text has its Chinese, and no help page falls back into English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module

import click
import pytest

from console import i18n
from console.frame import Group, LazyCommand
from tools import catalogs

PROGRAMS = {"wallet": "wallet_cli.main", "agency": "agency_cli.main", "vault-api": "vault_api.main", "chain": "chain.main", "monitor": "client.monitoring.main"}

# DESIGN's words: where the English text has the word, the Chinese one must have its translation.
GLOSSARY = {
    "vault": "保管库",
    "dossier": "档案",
    "holder": "持有人",
    "credential": "凭证|证照",
    "document": "文件",
    "item": "档案项",
    "agency": "机构",
    "agencies": "机构",
    "scenario": "场景",
    "parcel": "数据包",
    "receipt": "回执",
    "show code": "亮码",
    "checkpoint": "检查点",
    "mandate": "委托",
    "key card": "公钥卡",
    "key ring": "密钥环",
    "verdict": "结论",
}
# What stays as it is in Chinese: names of formats, programs, settings, options and what stands in backquotes.
CODE = re.compile(
    r"(?:run|with:) (?:wallet|agency|vault-api|chain) [a-z-]+|`[^`]*`|\{[^}]*\}|--[a-z][a-z-]*"
    r"|\b[A-Z][A-Z0-9_]{1,}\b|[\w./:-]*[./:=_][\w./:=-]*|[A-Z][a-z]+-[A-Z]\S*"
)
ENGLISH = re.compile(r"\b[A-Za-z]{2,}(?: [A-Za-z]{2,}){2,}")


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    i18n.set_language("en")


def test_every_text_has_its_translation_and_the_catalog_is_fresh() -> None:
    catalog, faults = catalogs.parts()
    assert faults + catalogs.missing(catalog, catalogs.texts()) == []
    assert catalogs.CATALOG.read_bytes() == catalogs.compiled(catalog), "run python tools/catalogs.py"


def test_the_catalog_is_built_the_same_twice() -> None:
    assert catalogs.compiled(catalogs.parts()[0]) == catalogs.compiled(catalogs.parts()[0])


def test_the_words_of_the_glossary_are_used() -> None:
    wrong = []
    for message in catalogs.parts()[0]:
        english, chinese = (text if isinstance(text, str) else text[0] for text in (message.id, message.string))
        english = english.partition("Example:")[0]
        prose = CODE.sub(" ", english)
        wrong += [
            (english, chinese, word)
            for word, translation in GLOSSARY.items()
            if re.search(rf"\b{word}s?\b", prose, re.IGNORECASE) and not re.search(translation, chinese)
        ]
    assert wrong == []


def commands(name: str) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command of a program, with its path and a context."""
    root = import_module(PROGRAMS[name]).cli
    waiting: list[tuple[str, click.Command, click.Context | None]] = [(name, root, None)]
    while waiting:
        path, command, parent = waiting.pop()
        loaded = command.load() if isinstance(command, LazyCommand) else command
        context = loaded.context_class(loaded, info_name=path.split()[-1], parent=parent)
        yield path, loaded, context
        if isinstance(loaded, Group):
            waiting += [(f"{path} {sub}", below, context) for sub, below in loaded.commands.items()]


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_help_page_falls_back_into_english(program: str) -> None:
    i18n.set_language("zh")
    left = []
    for path, command, context in commands(program):
        page = command.get_help(context)
        head, _, rest = page.partition("\n")
        left += [(path, found) for found in re.findall(r"[A-Z]{2,}", head)]
        for line in rest.partition("例如")[0].partition("示例")[0].splitlines():
            left += [(path, found) for found in ENGLISH.findall(CODE.sub(" ", line)) if found.split()[0] not in path]
    assert left == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_help_page_fits_a_terminal_in_both_languages(program: str) -> None:
    from console.pages import columns

    for lang in i18n.LANGUAGES:
        i18n.set_language(lang)
        for path, command, context in commands(program):
            wide = [line for line in command.get_help(context).splitlines() if columns(line) > 80]
            assert wide == [], (path, lang)
