"""Questions that are asked at the same time by several threads travel together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from protocol.errors import OneFileError

COURIERS = 2

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(eq=False, slots=True)
class _Asked(Generic[Question, Answer]):
    question: Question
    answer: Answer | BaseException | None = None


@dataclass(slots=True)
class Gathering(Generic[Question, Answer]):
    """``send`` asks up to ``most`` questions at once and answers each, or tells why not.

    Nobody waits for company: what is asked while no courier is free goes with the next one. If a whole journey fails,
    all that travelled meet its error.
    """

    send: Callable[[Sequence[Question]], Sequence[Answer | OneFileError]]
    most: int
    _waiting: list[_Asked[Question, Answer]] = field(default_factory=list)
    _under_way: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition, repr=False)

    def ask(self, question: Question) -> Answer:
        """The answer to one question."""
        mine: _Asked[Question, Answer] = _Asked(question)
        with self._changed:
            self._waiting.append(mine)
            self._changed.wait_for(lambda: mine.answer is not None or self._may_go(mine))
            if mine.answer is None:
                self._waiting.remove(mine)
                batch = [mine, *self._waiting[: self.most - 1]]
                del self._waiting[: self.most - 1]
                self._under_way += 1
        if mine.answer is None:
            self._travel(batch)
        if isinstance(mine.answer, BaseException):
            raise mine.answer
        assert mine.answer is not None
        return mine.answer

    def _may_go(self, mine: _Asked[Question, Answer]) -> bool:
        return self._under_way < COURIERS and mine in self._waiting

    def _travel(self, batch: list[_Asked[Question, Answer]]) -> None:
        answers: Sequence[Answer | BaseException] = []
        try:
            answers = self.send([one.question for one in batch])
            assert len(answers) == len(batch)  # one for each, by the promise of ``send``
        except BaseException as error:  # noqa: BLE001 (it is raised by each who asked)
            answers = [error] * len(batch)
        with self._changed:
            for one, answer in zip(batch, answers, strict=True):
                one.answer = answer
            self._under_way -= 1
            self._changed.notify_all()
