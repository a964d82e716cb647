"""The end of the story: what the operator's disk gives away, and what happens when a byte is flipped."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from scripts.demo.teller import Teller
from scripts.samples import CANARIES, Papers
from scripts.search import search
from scripts.stack import Stack


def search_operator(t: Teller, stack: Stack, work: Path, papers: Papers) -> None:
    with t.step("搜查运营方的数据库、文件夹与日志", "Search the operator's database, blob folder and logs"):
        documents = {**papers.as_documents(), "proof.pdf": (work / "proof.pdf").read_bytes()}
        operator = [stack.home / "vault", stack.home / "logs" / "vault-api.log", stack.home / "chain"]
        with ProcessPoolExecutor(2) as pool:
            inside = pool.submit(search, operator, CANARIES, documents)
            outside = pool.submit(search, [work], CANARIES, documents)
            hits, found = inside.result(), outside.result()
        t.check(not hits, f"{len(hits)} hits on the operator's disk, first: {hits[:1]}")
        opened = [hit for hit in found if hit.path.parent.name == "opened"]
        t.check(bool(opened), "the same search does not find the wallet's opened copy")
        told = [hit for hit in found if hit.what.startswith("canary")]
        t.check(bool(told), "the same search does not find the canaries where they are in the clear")
        t.proves(
            f"运营方磁盘：0 处命中；同样的搜索在钱包打开的副本中命中 {len(found)} 处",
            f"operator's disk: 0 hits; the same search finds {len(found)} in what was opened outside",
        )


def flip_a_byte(t: Teller, stack: Stack, items: dict[str, str]) -> None:
    with t.step("篡改保管库中的一个字节", "Flip one byte in the vault"):
        largest = max(
            (p for p in (stack.home / "vault" / "blobs").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size
        )
        mode = largest.stat().st_mode
        largest.chmod(0o600)
        with largest.open("r+b") as blob:
            blob.seek(1_000_000)
            byte = blob.read(1)
            blob.seek(1_000_000)
            blob.write(bytes([byte[0] ^ 1]))
        largest.chmod(mode)
        report = t.wallet("alice", "sync", "--deep", expect=3).json
        damaged = [row["item"] for row in report["damaged"]]
        t.check(damaged == [items["driving-licence"]], f"the wallet names {damaged}")
        t.proves(f"钱包指出受损的档案项：{damaged[0][:8]}…", f"the wallet names the damaged item: {damaged[0][:8]}…")
