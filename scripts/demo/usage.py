"""The second half of the story: a grant and its uses, a show at a window, the list of uses, the revocation."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import time
from pathlib import Path

from scripts.demo.cast import BANK, DRIVING, INSURANCE, POLICE
from scripts.demo.teller import StoryError, Teller
from scripts.processes import ROOT, program
from scripts.terminal_picture import save

SHOW_S = 40.0
LAST_WORDS_S = 0.5
LAST_WORDS_CHARS = 800


def grant_to_bank(t: Teller, items: dict[str, str]) -> str:
    """Two claims and one document of the insurance proof, seven days, three uses; the grant's id."""
    found = ""
    with t.step(
        "公民授权银行：参保证明两个字段和一份文件，七天三次",
        "The citizen grants the bank two claims and one document, for seven days and three uses",
    ):
        item = items[INSURANCE.kind]
        order = [
            "grant", "--agency", BANK.name, "--scenario", "small-loan", "--for", "7d", "--uses", "3",
            "--claim", f"{item}:/months_paid", "--claim", f"{item}:/contribution_base",
            "--document", f"{item}:proof.pdf",
        ]  # fmt: skip
        refusals: list[str] = []

        def ask_too_much() -> None:
            greedy = [*order, "--claim", f"{item}:/employer_name", "--yes"]
            refusals.append(t.wallet("alice", *greedy, expect=4).problem)

        t.together(lambda: t.wallet("alice", *order, "--dry-run"), ask_too_much)
        (problem,) = refusals
        t.proves(
            f"场景以外的字段被钱包拒绝（{problem}）",
            f"a claim beyond the scenario is refused by the wallet ({problem})",
        )
        found = str(t.wallet("alice", *order, "--yes").json["grant"])
        t.proves("授权是持有人的 EIP-712 签名", "the grant is the holder's EIP-712 signature")
    return found


def bank_uses(t: Teller, work: Path, grant: str) -> None:
    with t.step(
        "银行核验授权、取用三次；第四次被拒", "The bank verifies the grant and uses it three times; a fourth is refused"
    ):
        verdict = t.agency(BANK.profile, "verify", grant).json["verdict"]
        t.check(verdict == "accept", f"the grant's verdict is {verdict}")
        for number in (1, 2, 3):
            folder = work / f"released-{number}"
            told = t.agency(BANK.profile, "release", grant, "--out", str(folder)).json
            t.check(told["verdict"] == "accept", f"use {number}: {told['verdict']}")
        t.proves(
            "先有账本中的回执，后有钥匙；银行自己打开并核验了一切",
            "the receipt was in the log before any key; the bank opened and verified everything itself",
        )
        t.check(any(folder.rglob("proof.pdf")), "the document is not there")
        refusals: list[str] = []

        def once_more() -> None:
            more = ["release", grant, "--out", str(work / "released-4")]
            refusals.append(t.agency(BANK.profile, *more, expect=4).problem)

        def verify_again() -> None:
            again = t.agency(BANK.profile, "verify", str(folder)).json["verdict"]
            t.check(again == "accept", f"the folder's verdict is {again}")

        t.together(once_more, verify_again)
        (problem,) = refusals
        t.check(not (work / "released-4").exists(), "something was left of the refused use")
        t.proves(f"第四次取用被拒（{problem}）", f"the fourth use is refused ({problem})")


def show_at_window(t: Teller, work: Path, items: dict[str, str]) -> None:
    with t.step(
        "公民在窗口亮码，民警扫描终端屏幕的照片",
        "The citizen shows the driving licence; the window scans a picture of the terminal",
    ):
        photo = work / "terminal.png"
        with _terminal(t, "show", items[DRIVING.kind], "--no-confirm") as screen:
            screen.until_code(photo)
            told = t.agency(POLICE.profile, "scan", str(photo), "--scenario", "window-driving").json
            ended = screen.until_end()
        t.check(told["verdict"] == "accept", f"the window's verdict is {told['verdict']}")
        t.proves("窗口当场核验，结论：通过", "the window verified on the spot: accept")
        t.check(POLICE.name in ended, "the wallet did not say who collected")
        t.proves(f"钱包显示由谁扫取：{POLICE.name}", f"the wallet says who collected: {POLICE.name}")
        late = t.agency(POLICE.profile, "scan", str(photo), "--scenario", "window-driving", expect=4)
        t.proves(
            f"同一张照片再扫一次被拒（{late.problem}）", f"scanning the same picture again is refused ({late.problem})"
        )


def list_uses(t: Teller) -> None:
    with t.step(
        "公民查看谁用了什么，并对照链逐条核验", "The citizen lists who used what, and checks each use against the chain"
    ):
        rows = t.wallet("alice", "uses").json
        rows = rows if isinstance(rows, list) else rows["uses"]
        t.check(len(rows) == 5, f"expected 5 uses, got {len(rows)}")
        bad = [check for row in rows for check in row["checks"] if check["status"] != "pass"]
        t.check(not bad, f"a use is not proven: {bad[:2]}")
        t.proves(
            "五次使用都有账本证明，且与链上根一致",
            "five uses, each with a log proof that agrees with the root on chain",
        )


def revoke(t: Teller, work: Path, grant: str) -> None:
    with t.step("公民撤销授权，银行即刻被拒", "The citizen revokes; the bank is refused from that moment"):
        t.wallet("alice", "revoke", grant, "--yes")
        refused = t.agency(BANK.profile, "release", grant, "--out", str(work / "released-5"), expect=5)
        t.proves(
            f"取用被拒（{refused.problem}）；已读过的内容无法收回，但回执永远在账本里",
            f"refused ({refused.problem}); what was read cannot be unread, but the receipts stay in the log",
        )


class Screen:
    """A wallet in a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self._process = process
        self._master = master
        self._seen = b""

    @property
    def text(self) -> str:
        return self._seen.decode("utf-8", "replace")

    def until_code(self, picture: Path) -> None:
        deadline = time.monotonic() + SHOW_S
        while time.monotonic() < deadline:
            if not self._read(0.3) and save(self.text, picture):
                return
            if self._process.poll() is not None:
                break
        raise StoryError("no code appeared in the terminal")

    def until_end(self) -> str:
        deadline = time.monotonic() + SHOW_S
        while self._process.poll() is None and time.monotonic() < deadline:
            self._read(0.2)
        while self._read(0.1):
            pass
        if self._process.poll() != 0:
            raise StoryError(f"wallet show ended with {self._process.poll()}")
        return self.text

    def last_words(self) -> str:
        """What stands below the code, for whoever wants to know why a step failed."""
        while self._read(LAST_WORDS_S):
            pass
        return self.text[-LAST_WORDS_CHARS:]

    def _read(self, wait_s: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], wait_s)
        if not ready:
            return False
        with contextlib.suppress(OSError):  # the other end has closed
            part = os.read(self._master, 65536)
            self._seen += part
            return bool(part)
        return False


@contextlib.contextmanager
def _terminal(t: Teller, *arguments: str):  # type: ignore[no-untyped-def]  # a generator for `with`
    command = [program("wallet"), *arguments, "--profile", "alice", "--lang", "en"]
    print(f"     $ wallet {' '.join(arguments)}   (in a terminal)", flush=True)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command, env={**t.env, "TERM": "xterm", "COLUMNS": "120", "LINES": "60"}, cwd=ROOT,
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    screen = Screen(process, master)
    try:
        yield screen
    except StoryError as error:
        raise StoryError(f"{error}\nthe terminal's last words: {screen.last_words()}") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(10)
        os.close(master)
