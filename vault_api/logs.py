"""Logs as JSON lines, without personal data: routes by their pattern, statuses, codes and durations.

What is never logged: paths with ids in them, headers, bodies, dossier ids, accounts, addresses of callers, and the
text of a foreign exception, which may repeat what was being parsed.
"""

from __future__ import annotations

import logging
import sys

import structlog


def set_up(level: str = "info") -> None:
    """Write structlog's and the server's events as JSON lines to standard error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # The server's own access log would write paths with ids in them.
    logging.getLogger("uvicorn.access").disabled = True
