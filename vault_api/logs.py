"""Logs as JSON lines, without personal data: routes by their pattern, statuses, codes and durations.

What is never logged: paths with ids in them, headers, bodies, dossier ids, accounts, addresses of callers, and the
text of a foreign exception, which may repeat what was being parsed. What libraries log comes as the library's name, the
level, and the kind and place of an exception: their texts are nobody's promise.
"""

from __future__ import annotations

import logging
import sys
from pathlib import PurePath

import structlog
from structlog.typing import EventDict

from vault_api.request_ids import CURRENT


def set_up(level: str = "info") -> None:
    """Write structlog's and the libraries' events as JSON lines to standard error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _named,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.root.handlers[:] = [Mute()]
    # The server's own access log would write paths with ids in them.
    logging.getLogger("uvicorn.access").disabled = True


class Mute(logging.Handler):
    """What a library logs from a warning on, without its text."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._log = structlog.get_logger("libraries")

    def emit(self, record: logging.LogRecord) -> None:
        """One line: who, how bad, and the kind and place of what was raised."""
        error = record.exc_info[1] if record.exc_info else None
        said = {"library": record.name, "place": f"{record.filename}:{record.lineno}"}
        if error is not None:
            said |= {"kind": type(error).__name__, "place": place_of(error)}
        (self._log.error if record.levelno >= logging.ERROR else self._log.warning)("library", **said)


def place_of(error: BaseException) -> str:
    """Where an error was raised: the file's name and line of the innermost frame, nothing of what it held."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return "" if frame is None else f"{PurePath(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}"


def _named(_logger: object, _method: str, event: EventDict) -> EventDict:
    name = CURRENT.get()
    return event if name is None else {**event, "request": name}
