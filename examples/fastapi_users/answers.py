"""Two answers that have nothing to do with the database."""

import json

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.routing import Match

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


async def not_allowed(request: Request, error: HTTPException) -> Response:
    """Answer 405 with the methods of all routes of a path; Starlette's is of one."""
    asked = {name: request.scope[name] for name in ("type", "path", "root_path")}

    def allows(method: str) -> bool:
        scope = {**asked, "method": method}
        matches = (route.matches(scope) for route in request.app.routes)
        return any(match is Match.FULL for match, _ in matches)

    headers = {"Allow": ", ".join(filter(allows, METHODS))}
    return _json({"detail": error.detail}, 405, headers)


async def not_valid(_: Request, error: RequestValidationError) -> Response:
    """Answer 422 without what was sent: a password, NaN, half of a character, ..."""
    shown = ("loc", "msg", "type")
    detail = [{name: one[name] for name in shown} for one in error.errors()]
    return _json({"detail": detail}, 422)


def _json(
    content: object, status: int, headers: dict[str, str] | None = None
) -> Response:
    # In ASCII, for a name in `loc` may be no valid text either.
    return Response(json.dumps(content), status, headers, "application/json")
