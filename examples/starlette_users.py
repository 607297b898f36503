"""Users over HTTP, without FastAPI: `uvicorn examples.starlette_users:app`."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient

from asyncdb.contrib.starlette import get_pool, register_asyncdb
from asyncdb.contrib.users import DuplicateUser, NewUser, UserNotFound, UserRepository

URL = os.environ.get("DATABASE_URL") or "sqlite://?max_size=1"


async def create(request: Request) -> Response:
    """Add a user; the end of the block commits, before there is a response."""
    try:
        body = await request.json()
        new = NewUser(username=str(body["username"]), email=str(body["email"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise HTTPException(422, "a username and an email, in JSON") from None
    async with get_pool(request).transaction() as db:
        user = await UserRepository(db).create(**new)
    return JSONResponse({"id": user.id, "username": user.username}, 201)


async def one(request: Request) -> Response:
    """Read a user, or remove it."""
    users = UserRepository(get_pool(request))
    user = await users.get(request.path_params["id"])
    if request.method == "DELETE":
        await users.delete(user.id)
    return JSONResponse({"username": user.username, "email": user.email})


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Make the table; the pool is open already."""
    await UserRepository(app.state.asyncdb_pool).create_schema()
    yield


app = Starlette(lifespan=lifespan)
app.add_route("/users", create, ["POST"])
app.add_route("/users/{id:int}", one, ["GET", "DELETE"])
register_asyncdb(app, URL, errors={UserNotFound: 404, DuplicateUser: 409})

if __name__ == "__main__":
    with TestClient(app) as http:  # it asks itself
        new = {"username": "starlette_ann", "email": "starlette_ann@example.org"}
        ann = http.post("/users", json=new).json()
        print("read", http.get(f"/users/{ann['id']}").json())
        print("again", http.post("/users", json={**new, "email": "o@x.org"}).json())
        print("removed", http.delete(f"/users/{ann['id']}").json())
        print("gone", http.get(f"/users/{ann['id']}").status_code)
