"""Who carries out the cells of ArchiveLog."""

from __future__ import annotations

from typing import Any

from tests.contracts.access import Attempt, People
from tests.contracts.evm import actor
from tests.contracts.gas import committing
from tests.contracts.logs import CHECKPOINT, ENTRIES, TREE, origin_hash, vkey

NAMES = {"publisher": "new publisher", "former publisher": "publisher", "former owner": "former log owner"}


class Logs:
    """A living and a frozen log of the same accounts, each after a change of owner and publisher; others' logs."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.f = people.archive.functions
        self.living, self.frozen = self._log("living"), self._log("frozen")
        people.send(self.f.freeze(self.frozen), "log owner")
        self.entry0 = committing(bytes(self.f.successionCommitment(self.frozen).call()))
        self.successor = self._open("successor", self.entry0, "log owner")
        self._open("another", ENTRIES[0], "owner of another log")
        self.calls = self._calls()

    def _open(self, name: str, entry0: bytes, owner: str) -> bytes:
        archive = self.people.archive
        self.people.send(self.f.open(name, entry0, vkey(archive, name), actor("publisher").address), owner)
        return origin_hash(archive, name)

    def _log(self, name: str) -> bytes:
        origin, send = self._open(name, ENTRIES[0], "former log owner"), self.people.send
        send(self.f.rotatePublisher(origin, actor("new publisher").address), "former log owner")
        send(self.f.proposeOwner(origin, actor("log owner").address), "former log owner")
        send(self.f.acceptOwner(origin), "log owner")
        send(self.f.proposeOwner(origin, actor("offered owner").address), "log owner")
        return origin

    def _calls(self) -> dict[str, Any]:
        f, archive, stranger = self.f, self.people.archive, actor("stranger").address
        head = (2, TREE.root(2), CHECKPOINT, TREE.consistency(1, 2))
        return {
            "`open` under a new name": f.open("new", ENTRIES[0], vkey(archive, "new"), stranger),
            "`open` under a name that is taken": f.open("living", ENTRIES[0], vkey(archive, "living"), stranger),
            "`anchor`": f.anchor(self.living, *head),
            "`anchor` on a frozen log": f.anchor(self.frozen, *head),
            "`rotatePublisher`": f.rotatePublisher(self.living, stranger),
            "`rotateLogVkey`": f.rotateLogVkey(self.living, vkey(archive, "living")),
            "`proposeOwner`": f.proposeOwner(self.living, stranger),
            "`acceptOwner`": f.acceptOwner(self.living),
            "`freeze`": f.freeze(self.living),
            "`freeze` on a frozen log": f.freeze(self.frozen),
            "`succeed` on a frozen log": f.succeed(self.frozen, self.successor, self.entry0, []),
            "`succeed` on a living log": f.succeed(self.living, self.successor, self.entry0, []),
        }

    def by_sender(self, call: str, who: str) -> list[Attempt]:
        return [Attempt(self.calls[call], sender) for sender in self.people.senders(NAMES.get(who, who))]
