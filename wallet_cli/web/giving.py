"""Grants: the list, a new one with its limits, the end of one; and the uses with their proofs."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from client.checks import open_desk
from client.session import Session
from protocol.encoding import unhex0x
from protocol.errors import Denied
from protocol.scenario import DAY_S
from wallet_cli.services import ending, granting, opening, revoking, scenarios, searching, tokens, usage
from wallet_cli.services.granting import GrantOrder, Plan
from wallet_cli.services.opening import OpenedItem
from wallet_cli.web import bodies, drawn
from wallet_cli.web.bodies import Id
from wallet_cli.web.face import Face
from wallet_cli.web.safe import Unfinished

HOUR_S = 3600


def add(app: FastAPI, face: Face) -> None:
    """The routes of this module."""
    _add_list(app, face)
    _add_planning(app, face)
    _add_giving(app, face)
    _add_uses(app, face)


def _planned(unfinished: Unfinished) -> Plan:
    if unfinished.plan is None:
        raise Denied("nothing_begun", "there is nothing to go on with: begin anew")
    return unfinished.plan


def _add_list(app: FastAPI, face: Face) -> None:
    @app.get("/grants")
    def grants(request: Request) -> Response:
        def found(session: Session) -> dict[str, Any]:
            rows = searching.named(session, revoking.listed(session))
            return {"rows": [{**row, "state_text": searching.state_of(row)} for row in rows]}

        return face.page(request, "grants.html", found)

    @app.post("/grants/{grant}/revoke")
    def revoke(request: Request, grant: Id, _body: bodies.Confirmed) -> Response:
        def done(session: Session) -> dict[str, Any]:
            row = revoking.find_grant(session, grant)
            ended = revoking.revoke(session, revoking.grant_id_of(row))
            ending.tell_readers(session)
            return {"go": "/grants", "on_chain": ended.on_chain}

        return face.act(request, done)


def _add_planning(app: FastAPI, face: Face) -> None:
    @app.get("/grants/new")
    def new(request: Request) -> Response:
        def found(session: Session) -> dict[str, Any]:
            rows = scenarios.listed(session, open_desk(session), None, ready=True)
            return {"scenarios": rows, "agencies": tokens.readers(session)}

        return face.page(request, "grant_new.html", found)

    @app.post("/grants/plan")
    def plan(request: Request, body: bodies.Grant) -> Response:
        def planned(session: Session) -> dict[str, Any]:
            face.safe.unfinished.plan = None
            order = GrantOrder(
                agency=unhex0x(body.agency.lower(), length=20, what="agency"),
                scenario=body.scenario,
                seconds=None if body.days is None else body.days * DAY_S,
                uses=body.uses,
                min_interval_s=(body.hours_between or 0) * HOUR_S,
            )
            face.safe.unfinished.plan = granting.plan(session, open_desk(session), order)
            return {"go": "/grants/consent"}

        return face.act(request, planned)


def _add_giving(app: FastAPI, face: Face) -> None:
    @app.get("/grants/consent")
    def consent(request: Request) -> Response:
        def found(_session: Session) -> dict[str, Any]:
            planned = _planned(face.safe.unfinished)
            links = {"yes": "/grants/give", "no": "/grants/drop", "desk": None}
            return {"shown": granting.plan_json(planned), **links}

        return face.page(request, "consent.html", found)

    @app.post("/grants/give")
    def give(request: Request, body: bodies.Consent) -> Response:
        def given(session: Session) -> dict[str, Any]:
            planned, face.safe.unfinished.plan = _planned(face.safe.unfinished), None  # one grant to one yes
            planned = granting.with_also(planned, body.ticked())
            granting.post(session, planned, granting.seal_grant(session, open_desk(session), planned))
            return {"go": "/grants"}

        return face.act(request, given)

    @app.post("/grants/drop")
    def drop(request: Request, _body: bodies.Nothing) -> Response:
        def dropped(_session: Session) -> dict[str, Any]:
            face.safe.unfinished.plan = None
            return {"go": "/grants"}

        return face.act(request, dropped)


def _add_uses(app: FastAPI, face: Face) -> None:
    @app.get("/uses")
    def uses(request: Request) -> Response:
        def found(session: Session) -> dict[str, Any]:
            known = {item.record.id: item for item in opening.open_all(session) if isinstance(item, OpenedItem)}
            rows = [drawn.use(use, known) for use in usage.uses(session, open_desk(session))]
            return {"rows": rows[::-1], "synced": session.store.log_head().synced_at}

        return face.page(request, "uses.html", found)
