"""Which language is spoken, to whom, and what it says."""

from __future__ import annotations

import contextvars

import pytest

from console import i18n, words
from protocol.errors import Denied, Malformed


@pytest.fixture(autouse=True)
def _english() -> None:
    i18n.set_language("en")


@pytest.mark.parametrize(
    ("argv", "environ", "lang"),
    [
        (["--lang", "zh"], {"ONEFILE_LANG": "en"}, "zh"),
        (["items", "--lang=en"], {"ONEFILE_LANG": "zh"}, "en"),
        (["--", "--lang", "zh"], {}, "en"),
        (["--lang"], {"ONEFILE_LANG": "zh"}, "zh"),
        ([], {"ONEFILE_LANG": "zh", "LC_ALL": "en_US.UTF-8"}, "zh"),
        ([], {"LC_ALL": "zh_CN.UTF-8", "LANG": "en_US"}, "zh"),
        ([], {"LC_MESSAGES": "zh_TW"}, "zh"),
        ([], {"LANG": "C.UTF-8"}, "en"),
        ([], {"LANG": "fr_FR"}, "en"),
        ([], {}, "en"),
    ],
)
def test_the_first_that_says_something_decides(argv: list[str], environ: dict[str, str], lang: str) -> None:
    assert i18n.detect(argv, environ) == lang


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        (None, "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,zh;q=0.5", "en"),
        ("fr, zh;q=0.1", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=junk, en;q=0.1", "en"),
        ("zh;level=1", "zh"),
        ("*", "en"),
    ],
)
def test_accept_language_chooses_among_ours(header: str | None, lang: str) -> None:
    assert i18n.accept_language(header) == lang


def test_speaking_holds_for_the_block_and_only_in_this_context() -> None:
    other = contextvars.copy_context()
    with i18n.speaking("zh"):
        assert i18n.language() == "zh"
        assert i18n._("error:") == "错误："
        assert other.run(i18n.language) == "en"
    assert i18n.language() == "en"


def test_a_text_that_the_catalog_lacks_stays_english() -> None:
    assert i18n.translate("no such text anywhere", "zh") == "no such text anywhere"
    assert i18n.translate("", "zh") == ""


def test_counts_have_one_form_in_chinese_and_two_in_english() -> None:
    one, many = "Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"
    assert i18n.ngettext(one, many, 1) == one
    assert i18n.ngettext(one, many, 2) == many
    with i18n.speaking("zh"):
        assert i18n.ngettext(one, many, 1) == i18n.ngettext(one, many, 2)


def test_an_error_is_described_with_its_facts_and_readable_times() -> None:
    error = Denied("x", "from {at} for {max_age_s} s, {name_at}", at=1_700_000_000, max_age_s=60, name_at="a desk")
    told = i18n.describe(error, "en")
    assert told.startswith("from 2023-11-1")
    assert told.endswith("for 60 s, a desk")
    assert i18n.describe(error, local_times=False) == "from 1700000000 for 60 s, a desk"


def test_a_small_number_under_a_time_name_stays_a_number() -> None:
    assert i18n.describe(Denied("x", "{at}", at=5), "en") == "5"


def test_words_of_ours_among_the_facts_are_translated_and_others_are_not() -> None:
    error = Malformed("field_type", "{field}: expected {want}", field="list", want="list")
    assert i18n.describe(error, "zh") == "list：类型应为 列表"
    assert i18n.describe(error, "zh", local_times=False) == "list：类型应为 列表"
    assert i18n.describe(error, "en") == "list: expected list"
    assert error.facts == {"field": "list", "want": "list"}


def test_a_word_that_the_catalog_lacks_is_shown_as_it_stands() -> None:
    error = Malformed("length", "{what}: expected {want} bytes, got {got}", what="frob", want=3, got=4)
    assert i18n.describe(error, "zh") == "frob：应为 3 字节，实际为 4 字节"


def test_every_word_that_stands_as_a_fact_has_its_translation_once() -> None:
    listed = [*words.FORMS, *words.THINGS]
    assert len(listed) == len(set(listed))
    assert [word for word in listed if i18n.translate(word, "zh") == word] == []
