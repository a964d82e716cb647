"""The first half of the story: the system, the agencies, the dossiers, and what is put into them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from scripts.demo.cast import (
    BANK,
    BUREAU,
    DEPARTMENTS,
    DIPLOMA,
    DRIVING,
    INSURANCE,
    LABOUR,
    LICENCE,
    MARKET,
    POLICE,
    Office,
    Paper,
    write_claims,
)
from scripts.demo.teller import Teller
from scripts.processes import ROOT
from scripts.samples import Papers, made_pdf
from scripts.stack import Stack

SCENARIOS = ROOT / "docs" / "examples" / "scenarios"
UNLOCK = ("--unlock", "15m")  # each program asks for the passphrase once; the story locks them at its end


def start_system(t: Teller, stack: Stack) -> None:
    with t.step("启动本地链与保管库", "Start a local chain and the vault"):
        stack.start()
        status = t.run("chain", "status").json
        t.proves(
            f"四个合约已部署，账本已开立（链 {status['chain_id']}）",
            f"four contracts are deployed and the log is open (chain {status['chain_id']})",
        )


def admit(t: Teller, *offices: Office) -> None:
    """Each agency makes its keys, the governor admits it, it publishes its key card."""
    accounts: dict[str, str] = {}

    def init(office: Office) -> None:
        code = ["--code", office.code] if office.code else []
        made = t.agency(office.profile, "init", "--name", office.name, *code, *UNLOCK).json
        accounts[office.profile] = made["account"]

    def register(office: Office) -> None:
        t.agency(office.profile, "register")

    t.together(*(partial(init, office) for office in offices))
    with ThreadPoolExecutor(1) as registering:
        # The governor sends one transaction after the other; who is admitted registers meanwhile.
        registered = []
        for office in offices:
            named = ["--name", office.name, "--division", office.division]
            t.run("chain", "agency", "admit", accounts[office.profile], *named, *office.rights())
            registered.append(registering.submit(register, office))
        for done in registered:
            done.result()


def admit_departments(t: Teller) -> None:
    with t.step(
        "治理方准入三个签发部门和一个场景管理方",
        "The governor admits three issuing departments and a scenario authority",
    ):
        admit(t, *DEPARTMENTS, BUREAU)
        listed = t.run("chain", "agency", "list").json
        rows = listed if isinstance(listed, list) else listed["agencies"]
        t.check(len(rows) == 4, f"expected 4 agencies on chain, got {len(rows)}")
        t.proves("谁是机构、能签发什么，链上公开可查", "who is an agency, and what it may issue, is public on chain")


def open_dossiers(t: Teller, work: Path) -> None:
    with t.step("公民与企业各开立一份档案", "A citizen and an enterprise each open a dossier"):
        t.together(
            partial(open_dossier, t, work, "alice", "person"), partial(open_dossier, t, work, "acme", "enterprise")
        )
        t.proves(
            "密钥由助记词生成，从未离开钱包；持有人没有付任何手续费",
            "keys come from the phrase and never leave the wallet; the holder paid no gas",
        )


def open_dossier(t: Teller, work: Path, profile: str, kind: str) -> None:
    phrase = str(work / f"{profile}.phrase")
    made = t.wallet(profile, "init", "--kind", kind, "--phrase-file", phrase, "--yes", *UNLOCK).json
    t.check(made["state"] == "opened", "the dossier is not open")


def issue(t: Teller, work: Path, office: Office, holder: str, paper: Paper) -> str:
    """Issue ``paper`` to ``holder`` and return the item's id."""
    token = t.wallet(holder, "card", "--for", office.name).json["card_token"]
    invitation = work / f"{holder}-{office.profile}.jwt"
    invitation.write_text(token)
    claims = write_claims(work, paper)
    options = [part for name in paper.documents for part in ("--document", str(work / name))]
    options += ["--expires", paper.expires] if paper.expires else []
    command = [
        "issue",
        "--type",
        paper.kind,
        "--to",
        str(invitation),
        "--claims",
        str(claims),
        "--number",
        paper.number,
    ]
    return str(t.agency(office.profile, *command, *options).json["item"])


def issue_papers(t: Teller, work: Path, papers: Papers) -> dict[str, str]:
    """All four credentials; the item ids by licence type."""
    items: dict[str, str] = {}
    with t.step(
        f"三个部门签发四份证照（文件来源：{papers.origin_zh}）",
        f"Three departments issue four credentials (documents: {papers.origin})",
    ):
        (work / "scan.pdf").write_bytes(papers.scan_pdf)
        (work / "photo.jpg").write_bytes(papers.photo_jpg)
        (work / "lease.pdf").write_bytes(papers.own_pdf)
        (work / "proof.pdf").write_bytes(made_pdf("SAMPLE proof of social insurance", pages=1))

        def issue_all(office: Office, holder: str, *wanted: Paper) -> None:
            for paper in wanted:
                items[paper.kind] = issue(t, work, office, holder, paper)

        t.together(
            partial(issue_all, POLICE, "alice", DRIVING),
            partial(issue_all, LABOUR, "alice", INSURANCE, DIPLOMA),
            partial(issue_all, MARKET, "acme", LICENCE),
        )
        size = f"{len(papers.scan_pdf) / 1e6:.1f} MB"
        t.proves(
            f"{size} 的扫描件以密文入库，只封给持有人",
            f"a scan of {size} lies in the vault as ciphertext, sealed to its holder alone",
        )
        wrong = write_claims(work, LICENCE)
        refused = t.agency(
            POLICE.profile, "issue", "--type", LICENCE.kind, "--to", str(work / "alice-police.jwt"),
            "--claims", str(wrong), "--number", LICENCE.number, expect=4,
        )  # fmt: skip
        t.proves(
            f"公安局签发营业执照被拒（{refused.problem}）",
            f"public security may not issue a business licence ({refused.problem})",
        )
    return items


def sync_and_claim(t: Teller, work: Path, items: dict[str, str], papers: Papers) -> None:
    with t.step("钱包同步、打开、核验并领取", "The wallet syncs, opens, verifies and claims"):
        mine = {"alice": (DRIVING, INSURANCE, DIPLOMA), "acme": (LICENCE,)}

        def claim_all(profile: str) -> None:
            t.wallet(profile, "sync")
            claimed = t.wallet(profile, "claim", *(items[paper.kind] for paper in mine[profile])).json["items"]
            verdicts = {row["verdict"]["verdict"] for row in claimed}
            t.check(verdicts == {"accept"}, f"the verdicts on what was issued are {verdicts}")

        t.together(*(partial(claim_all, profile) for profile in mine))
        opened = work / "opened" / "scan.pdf"
        opened.parent.mkdir(exist_ok=True)
        t.wallet("alice", "open", items[DRIVING.kind], "scan.pdf", "--to", str(opened))
        t.wallet("alice", "open", items[DRIVING.kind], "photo.jpg", "--to", str(work / "opened" / "photo.jpg"))
        t.check(opened.read_bytes() == papers.scan_pdf, "the opened scan is not the issued one")
        t.proves(
            "逐项核对了签发方签名、权限、账本证明与链上根",
            "issuer's signature and right, log proof and the root on chain were checked item by item",
        )


def put_own(t: Teller, work: Path) -> None:
    with t.step("公民放入自己的文件", "The citizen puts a document of their own into the dossier"):
        t.wallet("alice", "put", str(work / "lease.pdf"), "--title", "租房合同 lease")
        t.proves("自有文件与签发证照始终分开显示", "own documents are always shown apart from issued ones")


def admit_bank(t: Teller) -> str:
    """Publish ``small-loan`` and admit the bank as reader; the scenario's hash."""
    found = ""
    with t.step("发布“小额贷款”场景，银行作为使用方准入", "Publish the scenario small-loan; admit a bank as reader"):
        hashes: list[str] = []

        def publish() -> None:
            for name in ("small-loan", "window-driving"):
                row = t.agency(BUREAU.profile, "scenario", "publish", str(SCENARIOS / f"{name}.json")).json
                hashes.append(str(row["hash"]))

        t.together(publish, partial(admit, t, BANK))
        found = hashes[0]
        t.proves(
            "场景写明谁、凭何依据、要哪些字段、多久；超出即拒绝",
            "a scenario says who, on what ground, which claims, how long; more is refused",
        )
    return found
