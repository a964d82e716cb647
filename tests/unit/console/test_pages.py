"""Help pages are measured in columns, and their placeholders are translated."""

from __future__ import annotations

import click
import pytest

from console import i18n
from console.frame import Command, invoke
from console.pages import HelpPage, columns, placeholders, wrap


@pytest.fixture(autouse=True)
def _english() -> None:
    i18n.set_language("en")


def page(width: int = 20) -> HelpPage:
    return HelpPage(width=width)


def test_a_chinese_character_takes_two_columns_and_a_combining_mark_none() -> None:
    assert [columns(text) for text in ("abc", "档案", "e\u0301", "A档：")] == [3, 4, 1, 5]


def test_english_breaks_at_blanks_and_a_long_word_stands_alone() -> None:
    assert wrap("open a document of the dossier", 12) == ["open a", "document of", "the dossier"]
    assert wrap("a --passphrase-file b", 8) == ["a", "--passphrase-file", "b"]
    assert wrap("  ", 8) == []


def test_chinese_breaks_anywhere_but_not_before_a_closing_mark() -> None:
    lines = wrap("保管库只存密文，谁也读不到。", 14)
    assert lines == ["保管库只存密", "文，谁也读不", "到。"]
    assert all(columns(line) <= 14 for line in lines)
    assert wrap("读取了（标准", 8) == ["读取了", "（标准"]
    assert wrap("读取（标准输入）吧", 8) == ["读取（标", "准输入）", "吧"]


def test_terms_of_a_list_are_aligned_by_columns() -> None:
    drawn = page(40)
    drawn.write_dl([("--state 路径", "one"), ("--port N", "two"), ("-x", "")])
    assert drawn.getvalue() == "--state 路径  one\n--port N      two\n-x\n"


def test_a_long_term_has_its_text_on_the_next_line() -> None:
    drawn = page(40)
    drawn.write_dl([("--a-very-long-option-name-indeed N", "text that goes on and on"), ("-x", "y")])
    lines = drawn.getvalue().split("\n")
    assert lines[0] == "--a-very-long-option-name-indeed N"
    assert lines[1] == " " * 32 + "text that"
    assert lines[-2] == "-x" + " " * 30 + "y"


def test_paragraphs_are_kept_apart_and_marked_ones_keep_their_lines() -> None:
    drawn = page(14)
    drawn.write_text("first one\ngoes on\n\n\b\nas it\n  stands")
    assert drawn.getvalue() == "first one goes\non\n\nas it\n  stands\n"


def test_an_empty_list_draws_nothing() -> None:
    drawn = page()
    drawn.write_dl([])
    assert drawn.getvalue() == ""


def test_usage_wraps_under_its_arguments() -> None:
    drawn = page(24)
    drawn.write_usage("wallet open", "[OPTIONS] ITEM NAME")
    drawn.write_usage("wallet", prefix="So:")
    assert drawn.getvalue() == "Usage: wallet open [OPTIONS]\n" + " " * 19 + "ITEM\n" + " " * 19 + "NAME\nSo: wallet \n"


def test_the_frame_of_a_page_is_chinese_where_chinese_is_spoken(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command(cls=Command, help="x")
    @click.option("--port", type=click.IntRange(1, 9), help="y")
    @click.argument("where", type=click.Path())
    def cli(port: int, where: str) -> None:
        """Unused."""

    assert invoke(cli, ["--help", "--lang", "zh"], prog="wallet") == 0
    said = capsys.readouterr().out
    assert said.startswith("用法：wallet [选项] ")
    assert "选项：" in said
    assert "--port 整数" in said
    assert "--profile 文本" in said


def test_words_that_are_no_placeholders_stay() -> None:
    i18n.set_language("zh")
    assert placeholders("--lang [en|zh]  x86 ONEFILE_HOME") == "--lang [en|zh]  x86 ONEFILE_HOME"
    assert placeholders("[OPTIONS] COMMAND [ARGS]...") == "[选项] 命令 [参数]..."
