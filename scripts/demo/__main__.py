"""``make demo``: the whole story, in Chinese or English, on a chain and a vault of its own."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from scripts.demo import lifetime, openings, proofs, usage, window
from scripts.demo.cast import DEPARTMENTS
from scripts.demo.teller import StoryError, Teller, base_env
from scripts.processes import ROOT, Children, NotReadyError, free_port
from scripts.samples import papers
from scripts.stack import Stack

HOME = ROOT / ".onefile" / "demo"
LANGUAGES = ("zh", "en")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lang", choices=[*LANGUAGES, "both"], default=default_language())
    parser.add_argument("--home", type=Path, default=HOME)
    chosen = parser.parse_args()
    languages = LANGUAGES if chosen.lang == "both" else (chosen.lang,)
    return max(play(language, chosen.home / language) for language in languages)


def default_language() -> str:
    """The language of ``ONEFILE_LANG`` or of the environment."""
    text = os.environ.get("ONEFILE_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return "zh" if text.lower().startswith("zh") else "en"


def play(language: str, home: Path) -> int:
    """One telling from an empty home; everything that it starts ends with it."""
    shutil.rmtree(home, ignore_errors=True)
    work = home / "outside"
    work.mkdir(parents=True)
    with Children(home / "logs") as children:
        stack = Stack.at(home, free_port(), free_port(), children, base_env(str(home)))
        t = Teller(language, stack.env)
        try:
            tell(t, stack, work)
        except (StoryError, NotReadyError) as error:
            t.told += 1
            print(f"demo: {error}", file=sys.stderr)
        finally:
            stack.lock_keys()
        return t.end()


def tell(t: Teller, stack: Stack, work: Path) -> None:
    """The story, in order; a step that fails is told, and the rest goes on as far as it can."""
    found = papers()
    openings.start_system(t, stack)
    openings.admit_departments(t)
    openings.open_dossiers(t, work)
    items = openings.issue_papers(t, work, found)
    t.check(len(items) == 4, f"expected 4 items from {len(DEPARTMENTS)} departments, got {len(items)}")
    openings.sync_and_claim(t, work, items, found)
    openings.put_own(t, work)
    openings.admit_bank(t)
    lifetime.ready(t, items)
    grant = usage.grant_to_bank(t, items)
    t.check(bool(grant), "there is no grant to go on with")
    usage.bank_uses(t, work, grant)
    usage.show_at_window(t, work, items)
    window.ask_at_window(t, work)
    usage.list_uses(t)
    lifetime.complain(t)
    usage.revoke(t, work, grant)
    lifetime.renew_keys(t, work, items, found)
    lifetime.audit(t, work)
    proofs.search_operator(t, stack, work, found)
    proofs.flip_a_byte(t, stack, items)


if __name__ == "__main__":
    raise SystemExit(main())
