"""What comes before and after a use: what is ready, a complaint and its answer, new keys, and the audit of the log."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from scripts.demo.cast import BANK, DRIVING, INSURANCE
from scripts.demo.teller import Teller
from scripts.samples import Papers

COMPLAINT = "This use was not agreed (sample)"


def ready(t: Teller, items: dict[str, str]) -> None:
    with t.step(
        "公民查看办理“小额贷款”已有和缺少的材料",
        "The citizen asks which materials a small loan needs, and which are here",
    ):
        told = t.wallet("alice", "ready", "small-loan").json
        have = [row["item"] for row in told["alternatives"][0]["have"]]
        t.check(told["ready"] and have == [items[INSURANCE.kind]], f"ready: {told['ready']}, with {have}")
        wanting = t.wallet("acme", "ready", "small-loan", expect=1).json["alternatives"]
        issuers = sorted({title[t.language] for way in wanting for row in way["missing"] for title in row["issuers"]})
        t.check(bool(issuers), "nobody is named who issues what the enterprise has not")
        t.proves(
            f"公民已齐备；企业缺少，并被告知由谁签发：{'、'.join(issuers)}",
            f"the citizen is ready; the enterprise is told who issues what it has not: {', '.join(issuers)}",
        )


def complain(t: Teller) -> None:
    """The holder contests a use; the bank hears of it by polling, and answers in the log."""
    with t.step(
        "公民对一次使用提出异议，银行收到并签收", "The citizen contests a use; the bank reads and acknowledges it"
    ):
        uses = t.wallet("alice", "uses").json["uses"]
        first = next(str(use["n"]) for use in uses if use["grant"])
        case = t.wallet("alice", "complain", first, "--text", COMPLAINT, "--yes").json["case"]
        answers = t.agency(BANK.profile, "notices", "ack", "--all").json
        t.check("complaint" in {row["kind"] for row in answers}, f"the bank acknowledged {answers}")
        cases = t.wallet("alice", "complain", "--list").json["cases"]
        states = {row["case"]: row["state"] for row in cases}
        t.check(states == {case: "acknowledged"}, f"the cases are {states}")
        t.proves(
            "异议与签收都在账本里，谁也删不掉",
            "complaint and acknowledgement stand in the log, and nobody can erase them",
        )


def renew_keys(t: Teller, work: Path, items: dict[str, str], papers: Papers) -> None:
    with t.step(
        "公民更换根密钥，旧材料照常打开", "The citizen changes the root of all keys, and opens what came before"
    ):
        told = t.wallet("alice", "keys", "rotate", "--root", "--yes").json
        t.check(told["roots"] == 2, f"the wallet has {told['roots']} roots")
        again = work / "opened" / "after.pdf"
        t.wallet("alice", "open", items[DRIVING.kind], "scan.pdf", "--to", str(again))
        t.check(again.read_bytes() == papers.scan_pdf, "the scan opened by the new keys is another one")
        t.proves(
            "密文原样不动，只重封了钥匙；档案、材料、授权都在",
            "no ciphertext was touched, only keys were wrapped anew; dossier, items and grants stay",
        )


def audit(t: Teller, work: Path) -> None:
    with t.step("公民与任何人各自核验整个账本", "The citizen audits the whole log, and so may anybody"):
        state = work / "monitor"
        found: dict[str, Any] = {}

        def own() -> None:
            found.update(t.wallet("alice", "audit", "--full").json)

        watch = partial(t.run, "monitor", "watch", "--once", "--state", str(state))
        t.together(own, watch)
        t.check(not found["findings"], f"the audit found {json.dumps(found['findings'])[:300]}")
        log = found["log"]
        t.proves(
            f"账本 {log['size']} 条，从每个上链的根逐一推出；自己的 {log['own']} 条一条不少",
            f"{log['size']} entries give every anchored root; all {log['own']} of the citizen's own are among them",
        )
