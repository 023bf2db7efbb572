"""The four answers: the page, /health, /metrics, and /live, which asks nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from apps.web.board import Board
from apps.web.guard import Guard
from apps.web.metrics import CONTENT_TYPE, exposition
from apps.web.page import page
from flows.steps.home import Home
from flows.steps.logs import Log
from messages import running

_STYLE: Final = (Path(__file__).resolve().parent / "style.css").read_text(encoding="utf-8")


def application(home: Home, log: Log) -> Starlette:
    """Return the ASGI application of an installation. Answers are made in threads: the database is asked synchronously."""
    board = Board(home, log)

    def overview(_: Request) -> Response:
        document = board.read()
        return HTMLResponse(page(document, str(home.root)), status_code=_code(document))

    def health(_: Request) -> Response:
        document = board.read()
        body = json.dumps(_health(document), ensure_ascii=False) + "\n"
        return Response(body, status_code=_code(document), media_type="application/json")

    def metrics(_: Request) -> Response:
        return Response(exposition(board.read()), headers={"content-type": CONTENT_TYPE})

    async def live(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def style(_: Request) -> Response:
        return Response(_STYLE, media_type="text/css")

    answers = {"/": overview, "/health": health, "/metrics": metrics, "/live": live, "/style.css": style}
    routes = [Route(path, answer, methods=["GET"]) for path, answer in answers.items()]
    return Starlette(routes=routes, middleware=[Middleware(Guard)], exception_handlers={404: _nowhere, 500: _broken})


async def _nowhere(_: Request, __: Exception) -> Response:
    return PlainTextResponse("Không có trang này; trang trạng thái ở /.\n", 404)


async def _broken(_: Request, __: Exception) -> Response:
    return PlainTextResponse("Trang này đang bị lỗi; gõ «cchc doctor» để xem tình trạng.\n", 500)


def _code(document: dict[str, Any]) -> int:
    return 503 if document["status"] == "failing" else 200


def _health(document: dict[str, Any]) -> dict[str, Any]:
    """Return {status, at, checks: [{name, state, code, message}]}; message: empty when the check is well."""
    return {
        "status": document["status"],
        "at": document["at"] and document["at"].isoformat(),
        "checks": [
            {
                "name": check.name, "state": check.state, "code": check.code,
                "message": "" if check.state == "ok" else running.check(check.name, check.code, check.values),
            }
            for check in document["checks"]
        ],
    }  # fmt: skip
