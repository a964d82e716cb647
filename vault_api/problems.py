"""The one table from what went wrong to an HTTP answer (RFC 9457).

A code named in ``BY_CODE`` decides; else its ending; else the fault. The body is
``{type, title, status, detail, code, fault, facts}``: ``detail`` in the caller's language, everything else for
programs. No traceback, no value that was being parsed, ever reaches a caller.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from console.i18n import N_, accept_language, describe, translate
from protocol import wire
from protocol.errors import Denied, Malformed, OneFileError
from vault_api import metrics
from vault_api.request_ids import CURRENT

PROBLEM_JSON = "application/problem+json"
TYPE_PREFIX = "urn:onefile:problem:"

BY_FAULT = {
    "malformed": 400,
    "untrusted": 422,
    "denied": 403,
    "unavailable": 503,
    "conflict": 409,
    "failure": 500,
}

BY_CODE = {
    "too_large": 413,
    "body_too_large": 413,
    "payload_too_large": 413,
    "content_type": 415,
    "range": 416,
    "quota": 429,
    "relay_quota": 429,
    "too_many_requests": 429,
    "body_late": 408,
    "head_late": 408,
    "head_too_large": 431,
    "upload_quota": 429,
    "storage_full": 507,
    "values_not_accepted": 422,
    "route_unknown": 404,
    "method_not_allowed": 405,
    "signature_missing": 401,
    "signature_parameters": 401,
    "signature_components": 401,
    "signature_stale": 401,
    "signature_wrong": 401,
    "signature_replayed": 401,
    "signature_key_unknown": 401,
    "signature_key_old": 401,
    "content_digest": 400,
    "show_expired": 410,
}

BY_ENDING = (("_unknown", 404), ("_not_found", 404), ("_missing", 404))

TITLES = {
    400: N_("The request is malformed"),
    401: N_("The request is not signed as it must be"),
    403: N_("The request is refused"),
    404: N_("There is no such thing here"),
    405: N_("This method is not served here"),
    408: N_("The request came too slowly"),
    409: N_("The request contradicts what is recorded"),
    410: N_("It is over"),
    413: N_("The request is too large"),
    415: N_("The media type is not the expected one"),
    416: N_("The range is not satisfiable"),
    422: N_("What the request says does not hold"),
    429: N_("Too many requests"),
    431: N_("The head of the request is too large"),
    500: N_("A fault in this service"),
    503: N_("The service can't answer now"),
    507: N_("The service has no space left"),
}
RETRY_AFTER_S = 2
VERIFY_PATH = "/v1/verify"
SMUGGLED = {"literal_error", "extra_forbidden"}


def status_of(fault: str, code: str) -> int:
    """The HTTP status for a fault and code."""
    if code in BY_CODE:
        return BY_CODE[code]
    if fault == "denied":
        for ending, status in BY_ENDING:
            if code.endswith(ending):
                return status
    return BY_FAULT.get(fault, 500)


def details(error: OneFileError, language: str) -> wire.Problem:
    """What is told of ``error`` in ``language`` (``en`` or ``zh``)."""
    status = status_of(error.fault, error.code)
    return wire.Problem(
        type=TYPE_PREFIX + error.code,
        title=translate(TITLES[status], language),
        status=status,
        detail=describe(error, language, local_times=False),
        code=error.code,
        fault=error.fault,
        facts=error.facts,
    )


def problem(error: OneFileError, language: str) -> JSONResponse:
    """The answer for ``error`` in ``language``."""
    body = details(error, language).model_dump()
    status = body["status"]
    metrics.PROBLEMS.labels(error.code).inc()
    request_id = CURRENT.get()
    if request_id is not None:
        body["request_id"] = request_id
    headers = {}
    if status in {429, 503}:
        headers["Retry-After"] = str(error.facts.get("retry_after_s", RETRY_AFTER_S))
    if error.code == "range":
        headers["Content-Range"] = f"bytes */{error.facts['size']}"
    if status == 408:
        headers["Connection"] = "close"  # the rest of the body may come yet
    return JSONResponse(body, status, headers, PROBLEM_JSON)


def speaks(request: Request) -> str:
    """The language that the caller asked for."""
    return accept_language(request.headers.get("accept-language"))


def on_our_error(request: Request, error: Exception) -> JSONResponse:
    """Handler for everything under ``protocol.errors``."""
    assert isinstance(error, OneFileError)
    return problem(error, speaks(request))


def on_validation_error(request: Request, error: Exception) -> JSONResponse:
    """Handler for a body, path or query that does not fit its model; the value itself is not repeated."""
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    # Whoever asks to verify another kind, or sends more than is asked for, may be sending values.
    if request.url.path == VERIFY_PATH and any(e["type"] in SMUGGLED for e in errors):
        return problem(values_not_accepted(), speaks(request))
    return problem(body_error(errors), speaks(request))


def body_error(errors: Iterable[Any]) -> Malformed:
    """The first thing that is wrong with a request, by place and kind."""
    first = next(iter(errors))
    where = ".".join(str(part) for part in first["loc"])[:200]
    return Malformed("request", "{field}: {problem}", field=where, problem=str(first["type"]))


def values_not_accepted() -> Malformed:
    """The refusal of anything that is, or carries, a presentation or a credential."""
    return Malformed(
        "values_not_accepted",
        "only grants, receipts, proofs and checkpoints are verified here: nothing that carries a claim's value",
    )


def on_http_error(request: Request, error: Exception) -> JSONResponse:
    """Handler for what the framework itself refuses."""
    assert isinstance(error, HTTPException)
    known: dict[int, OneFileError] = {
        404: Denied("route_unknown", "nothing is served at this path"),
        405: Denied("method_not_allowed", "this method is not served at this path"),
        408: Malformed("body_late", "the body of the request came too slowly"),
        413: Malformed("body_too_large", "the body is larger than this service takes"),
    }
    answer = problem(
        known.get(error.status_code, Malformed("request", "{field}: {problem}", field="body", problem="json")),
        speaks(request),
    )
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    return answer


def on_cut(request: Request, _error: Exception) -> JSONResponse:
    """Handler for a connection that ends before the body does: nobody reads the answer, the counters do."""
    return problem(Malformed("body_cut", "the connection ended before the body did"), speaks(request))


def fault(language: str) -> JSONResponse:
    """The answer to what nobody expected: the log has its kind and place, the caller has nothing of it."""
    template = N_("a fault in this service; nothing more is told here")
    return problem(OneFileError("internal", template), language)
