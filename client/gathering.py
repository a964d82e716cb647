"""Questions that are asked at the same time by several threads travel together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from protocol.errors import OneFileError

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(eq=False, slots=True)
class _Asked(Generic[Question, Answer]):
    """``woken``: it has its answer, or its thread is to travel next."""

    question: Question
    answer: Answer | BaseException | None = None
    woken: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class Gathering(Generic[Question, Answer]):
    """``send`` asks up to ``most`` questions at once and answers each, or tells why not.

    A question waits for company for ``patience_s`` seconds at most, and while another journey is under way. If a whole
    journey fails, all that travelled meet its error.
    """

    send: Callable[[Sequence[Question]], Sequence[Answer | OneFileError]]
    most: int
    patience_s: float = 0.0
    _waiting: list[_Asked[Question, Answer]] = field(default_factory=list)
    _under_way: bool = False
    _full: threading.Event = field(default_factory=threading.Event, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def ask(self, question: Question) -> Answer:
        """The answer to one question."""
        mine: _Asked[Question, Answer] = _Asked(question)
        with self._lock:
            self._waiting.append(mine)
            if len(self._waiting) >= self.most:
                self._full.set()
            wait, self._under_way = self._under_way, True
        if wait:
            mine.woken.wait()
        if mine.answer is None:
            self._travel()
        if isinstance(mine.answer, BaseException):
            raise mine.answer
        assert mine.answer is not None
        return mine.answer

    def _travel(self) -> None:
        """Take the first that wait, whose first is of this thread; then wake them, and who is to travel next."""
        self._full.wait(self.patience_s)
        with self._lock:
            batch = self._waiting[: self.most]
            del self._waiting[: self.most]
            if len(self._waiting) < self.most:
                self._full.clear()
        answers: Sequence[Answer | BaseException] = []
        try:
            answers = self.send([one.question for one in batch])
            assert len(answers) == len(batch)  # one for each, by the promise of ``send``
        except BaseException as error:  # noqa: BLE001 (it is raised by each who asked)
            answers = [error] * len(batch)
        with self._lock:
            following = self._waiting[:1]
            self._under_way = bool(following)
        for one, answer in zip(batch, answers, strict=True):
            one.answer = answer
        for one in (*following, *batch):
            one.woken.set()
