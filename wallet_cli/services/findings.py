"""What is wrong, or asks for the holder's eye, in the trace of a dossier: each with a code and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from console.i18n import N_, _
from protocol.errors import fill

Grade = Literal["wrong", "look"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says, and what to do. ``wrong``: somebody lied or lost something; ``look``: the holder must judge."""

    text: str
    advice: str
    grade: Grade = "wrong"


_KEEP = N_("Keep this profile as it is: its checkpoint is evidence. Compare with `monitor`, and ask the operator.")
MEANINGS: dict[str, Meaning] = {
    "history_gap": Meaning(N_("the vault's list of events has a gap or a foreign entry at {n}"), _KEEP),
    "history_fork": Meaning(N_("event {n} is another than the one that this device has kept"), _KEEP),
    "history_cut": Meaning(N_("the vault shows fewer events than before: {n} were kept here"), _KEEP),
    "log_forked": Meaning(N_("the log's signed heads are of two histories"), _KEEP),
    "event_not_in_log": Meaning(N_("event {n} does not stand at leaf {index} of the log"), _KEEP),
    "event_withheld": Meaning(
        N_("leaf {index} of the log belongs to this dossier, and the vault's list does not have it"),
        N_("An event was kept from you, or a number given twice. Keep this profile, and ask the operator for it."),
    ),
    "entry_backdated": Meaning(
        N_("event {n} says {at}, and a head that the chain had {late} seconds later does not hold it"),
        N_("Do not rely on the time that stands in it: it is as old as its anchor. `wallet complain` opens a case."),
    ),
    "entry_postdated": Meaning(
        N_("event {n} says {at}, and the chain had it {late} seconds before"),
        N_("Do not rely on the time that stands in it: it is as old as its anchor. `wallet complain` opens a case."),
    ),
    "entry_order": Meaning(
        N_("event {n} says a time before that of an event that was logged earlier"),
        N_("The vault's clock went back, or the entry was back-dated: ask the operator."),
    ),
    "entry_not_anchored": Meaning(
        N_("event {n} is {late} seconds old and in no head that the chain has"),
        N_("Until it is anchored the vault can still deny it: ask the operator why nothing is anchored."),
    ),
    "item_unexpected": Meaning(
        N_("item {item} was issued in your name and you did not expect it"),
        N_("Look at it with `wallet show-item`; accept it with `wallet claim`, or contest it with `wallet complain`."),
        "look",
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: of event ``n``, of leaf ``index``, or of an item, as far as they are known."""

    code: str
    n: int | None = None
    index: int | None = None
    item: str | None = None
    at: int | None = None
    late: int | None = None
    cause: str | None = None

    @property
    def grade(self) -> Grade:
        return MEANINGS[self.code].grade

    @property
    def text(self) -> str:
        """The finding in the language in use."""
        facts = {"n": self.n, "index": self.index, "item": self.item, "at": self.at, "late": self.late}
        return fill(_(MEANINGS[self.code].text), {k: "?" if v is None else v for k, v in facts.items()})

    def to_json(self) -> dict[str, Any]:
        advice = _(MEANINGS[self.code].advice)
        facts = {"n": self.n, "index": self.index, "item": self.item, "at": self.at, "cause": self.cause}
        found = {name: value for name, value in facts.items() if value is not None}
        return {"code": self.code, "grade": self.grade, **found, "text": self.text, "advice": advice}
