"""Text from outside on a screen: it erases nothing, turns nothing round, and adds no line that we did not say.

Names of agencies and documents, officers' marks, a vault's words: all of them are written by others, and all of them
reach a person's terminal.
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import httpx2
import pytest

from client.problems import error_of
from console import exits, output
from console.frame import Group, invoke
from console.printable import printable
from protocol.errors import FAULTS, OneFileError, Untrusted, fill

HOSTILE = {
    "erases the screen": "\x1b[2J\x1b[H accepted",
    "names the window": "\x1b]0;accepted\x07",
    "types an answer": "\x1b]52;c;cm0gLXJmIH4K\x07",
    "begins with the one byte form of the same": "\x9b2J",
    "takes back what was written": "rejected\x08\x08\x08\x08\x08\x08\x08\x08accepted",
    "goes back to the beginning of the line": "rejected\raccepted",
    "adds a line": "City Bank\nVerdict: accepted",
    "adds a line in another way": "City Bank\u2028Verdict: accepted\u2029\x0b\x0c\x85",
    "turns letters round": "bank\u202egnihsihp\u202c",
    "isolates letters": "\u2067knab\u2069",
    "hides letters": "City\u200b Ba\u00adnk\ufeff\u2060",
    "hides letters in tags": "bank\U000e0041\U000e007f",
    "has half a character": "bank\ud800",
    "is a format of ours": "{code} {0.__class__} %s %(x)s",
    "is markup": "[red]accepted[/red] [link=file:///etc/passwd]x[/link]",
    "rings": "\x07" * 10,
}
SEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
cli = Group("cli")
told: list[str] = []


def said(text: str) -> None:
    told[:] = [text]


@cli.command("every-way")
def every_way() -> None:
    text = told[0]
    output.emit({"name": text}, lambda: _draw(text))
    output.say(text)
    output.warn(text)
    raise Untrusted("bad", "{name} is not what it says", name=text)


def _draw(text: str) -> None:
    output.line(text)
    output.table([{"name": text}], [output.Column("name", "Name")])
    output.fields([("Name", text)])


def unseen(text: str) -> list[str]:
    return [c for c in text if unicodedata.category(c) in SEEN and c != "\n"]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("argv", [["every-way"], ["every-way", "--json"], ["every-way", "--no-color"]], ids=" ".join)
def test_hostile_text_is_spelled_out_wherever_it_is_shown(
    text: str, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said(text)
    assert invoke(cli, argv, prog="cli") == exits.UNTRUSTED
    out, err = capsys.readouterr()
    # Our own colours are the only controls: none without a terminal.
    assert unseen(out + err) == []
    if "--json" in argv:
        assert json.loads(out)["name"] == text
        facts = json.loads(err.splitlines()[-1])["error"]["facts"]
        assert facts["name"] == text.replace("\ud800", "?")  # an error tells nothing that can't be told


def test_a_name_adds_no_line_to_what_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    said(HOSTILE["adds a line"])
    invoke(cli, ["every-way"], prog="cli")
    out, err = capsys.readouterr()
    assert len(err.splitlines()) == 3  # said, warned, failed
    table = out[out.index("Name") :]
    assert not [line for line in table.splitlines() if line.strip().startswith("Verdict")]


def test_what_is_plain_stays_as_it_is() -> None:
    for plain in ("威海市公安局", "Zoë – “quoted” €", "a\tb", "🙂", "(1) [2] {3}"):
        assert printable(plain) == plain
    assert printable("a\nb", lines=True) == "a\nb"
    assert json.loads(printable(json.dumps("\U000e0041", ensure_ascii=False))) == "\U000e0041"


# --- what a vault says of itself --------------------------------------------------------------------


def problem(**members: Any) -> OneFileError:
    body = {"type": "urn:x", "title": "t", "status": 400, "detail": "no", "code": "x", "fault": "denied", **members}
    return error_of(400, json.dumps(body).encode())


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_vaults_words_are_text_and_its_codes_are_words(text: str) -> None:
    found = problem(detail=text, facts={"name": text, text: 1})
    if "\ud800" in text:
        assert found.code == "vault_garbage"  # no JSON of ours holds half a character
        return
    assert str(found) == text
    assert set(found.facts) == {"name"}
    assert problem(code=text).code == "vault_garbage"
    assert problem(fault=text).fault == "failure"


@pytest.mark.parametrize("name", ["self", "code", "template", "facts", "args", "__class__", "fault"])
def test_no_fact_takes_the_place_of_a_part_of_an_error(name: str) -> None:
    found = problem(facts={name: "smuggled"})
    assert (found.code, found.fault) == ("x", "denied")
    assert "smuggled" not in str(found)


def test_a_problem_is_never_longer_than_a_screen_and_never_has_more_facts_than_a_page() -> None:
    found = problem(detail="x" * 20_000, facts={f"f{i}": "y" * 20 for i in range(500)})
    assert len(str(found)) == 2000
    assert len(found.facts) == 64


@pytest.mark.parametrize("fault", FAULTS)
def test_braces_in_words_from_outside_are_braces(fault: str) -> None:
    found = problem(fault=fault, detail="{0} {code} {facts} {{}} {", facts={"code": 7})
    assert str(found) == "{0} {code} {facts} {{}} {"
    assert fill("{name}", {"name": "{other}", "other": 1}) == "{other}"


def test_a_proxys_page_is_not_shown_at_all() -> None:
    found = error_of(502, b"<html>\x1b[2J</html>")
    assert (found.code, "html" in str(found)) == ("vault_garbage", False)


# --- the programs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_wallet_shows_a_hostile_vaults_refusal_as_text(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.wallet_stage import Stage
    from wallet_cli import common
    from wallet_cli.main import cli as wallet

    stage = Stage(tmp_path)
    try:
        body = {"detail": text, "code": "no_such", "fault": "denied", "facts": {"name": text}}
        refusing = httpx2.MockTransport(lambda _request: httpx2.Response(403, content=json.dumps(body).encode()))
        session = stage.holder("alice")
        session.transport = refusing
        session._api = session._public = None
        monkeypatch.setattr(common, "make_session", lambda *_: session)
        capsys.readouterr()
        assert invoke(wallet, ["dossier"], prog="wallet") != exits.OK
        out, err = capsys.readouterr()
    finally:
        stage.close()
    assert unseen(out + err) == []
    assert len(err.splitlines()) <= 2
    assert "Traceback" not in err
