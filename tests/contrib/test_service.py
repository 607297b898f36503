"""The example service, as it is started and used."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio
from argon2 import PasswordHasher

import asyncdb
from asyncdb.contrib.fastapi import PoolDep
from asyncdb.contrib.passwords import Passwords
from asyncdb.contrib.users import UserRepository
from asyncdb.testing import faults
from examples.fastapi_users.app import create_app
from examples.fastapi_users.routes import get_users
from examples.fastapi_users.settings import Settings
from tests.plugins import browser
from tests.plugins.databases import engines
from tests.plugins.servers import Server

ROOT = Path(__file__).resolve().parents[2]
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
ANN = {"username": "ann", "email": "ann@example.org", "name": "Ann"}
NEW = {**ANN, "password": "correct horse"}


async def cheap_users(pool: PoolDep) -> UserRepository:
    """Users whose passwords cost little."""
    return UserRepository(pool, passwords=CHEAP)


@asynccontextmanager
async def service(url: str, query: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service in this process, on an empty table."""
    if not url.startswith("fake"):
        async with asyncdb.connect(url) as db:
            await db.execute("DROP TABLE IF EXISTS users")
    app = create_app(Settings(database_url=url + query))
    app.dependency_overrides[get_users] = cheap_users
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as http:
            yield http


@contextmanager
def started(url: str, folder: Path) -> Iterator[str]:
    """The address of the service, started by its one command on a database by URL."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DATABASE_URL": url}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "examples.fastapi_users"],
        cwd=folder,
        env={**environment, "PORT": "0", "PYTHONUNBUFFERED": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    try:
        for line in process.stderr:
            said += line
            if found := re.search(r"running on (http://\S+)", line):
                break
        else:
            pytest.fail(said)
        yield found[1]
    finally:
        process.terminate()
        _, rest = process.communicate(timeout=20)
    assert "Traceback" not in rest, rest


@pytest_asyncio.fixture
async def http(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service on each engine in turn."""
    async with service(database_url) as found:
        yield found


async def test_the_life_of_a_user(http: httpx.AsyncClient) -> None:
    """A user is created, read, replaced, changed, logs in, and is removed."""
    made = await http.post("/users", json=NEW)
    ann = made.json()
    place = f"/users/{ann['id']}"

    assert 201 == made.status_code
    assert {**ANN, "is_active": True, "version": 1} == {
        name: ann[name] for name in (*ANN, "is_active", "version")
    }
    assert ann["created_at"].endswith(("Z", "+00:00"))
    assert ann == (await http.get(place)).json()
    changed = await http.patch(place, json={"version": 1, "name": "Ann B."})
    assert (200, "Ann B.", 2) == (
        *(changed.status_code, changed.json()["name"], changed.json()["version"]),
    )
    body = {**ANN, "username": "anna", "is_active": True, "version": 2}
    replaced = await http.put(place, json=body)
    assert (200, "anna") == (replaced.status_code, replaced.json()["username"])
    login = {"username": "anna", "password": "correct horse"}
    assert replaced.json() == (await http.post("/login", json=login)).json()
    assert 204 == (await http.delete(place)).status_code
    assert 404 == (await http.get(place)).status_code


async def test_what_is_refused(http: httpx.AsyncClient) -> None:
    """Duplicates and stale versions are 409, the unknown 404, a wrong login 401."""
    ann = (await http.post("/users", json=NEW)).json()
    place = f"/users/{ann['id']}"
    taken = await http.post("/users", json={**NEW, "email": "other@example.org"})
    email = await http.post(
        "/users", json={**NEW, "username": "o", "email": "ANN@example.org"}
    )
    stale = await http.patch(place, json={"version": 7, "name": "x"})
    unknown = await http.patch("/users/4711", json={"version": 1, "name": "x"})
    wrong = await http.post("/login", json={"username": "ann", "password": "wrong one"})
    nobody = await http.post("/login", json={"username": "x", "password": "wrong one"})
    broken = await http.post("/users", json={**NEW, "email": "no email"})

    assert (409, "username") == (taken.status_code, taken.json()["field"])
    assert (409, "email") == (email.status_code, email.json()["field"])
    assert (409, 404) == (stale.status_code, unknown.status_code)
    assert (401, 401) == (wrong.status_code, nobody.status_code)
    assert wrong.json() == nobody.json()
    assert 422 == broken.status_code
    assert "correct horse" not in taken.text + email.text + broken.text


async def test_pages(http: httpx.AsyncClient) -> None:
    """The pages of a list give every user once, in order, and then end."""
    for n in range(5):
        body = {**NEW, "username": f"u{n}", "email": f"u{n}@example.org"}
        await http.post("/users", json=body)
    seen, after = [], 0
    while after is not None:
        page = (await http.get("/users", params={"after": after, "limit": 2})).json()
        seen.append([user["username"] for user in page["users"]])
        after = page["next"]
    chosen = (await http.get("/users?username_prefix=u3&is_active=true")).json()

    assert [["u0", "u1"], ["u2", "u3"], ["u4"]] == seen
    assert ["u3"] == [user["username"] for user in chosen["users"]]


async def test_a_failed_commit_is_not_answered_2xx() -> None:
    """A change whose COMMIT fails is answered 503, and has not happened."""
    async with service("fake://", "?max_size=1") as http:
        place = f"/users/{(await http.post('/users', json=NEW)).json()['id']}"
        with faults() as ordered:
            ordered.add("commit", asyncdb.SerializationFailure("no"))
            response = await http.patch(place, json={"version": 1, "name": "x"})

        assert 503 == response.status_code
        assert response.headers["retry-after"]
        assert "Ann" == (await http.get(place)).json()["name"]


async def test_a_killed_database(server: Server) -> None:
    """While the database is dead all is 503; when it is back, so is the service."""
    query = "?max_size=3&acquire_timeout=5&connect_timeout=2"
    async with service(server.url, query) as http:
        assert 201 == (await http.post("/users", json=NEW)).status_code

        server.kill()
        requests = [http.get("/users") for _ in range(10)]
        requests += [http.post("/users", json=NEW), http.get("/health")]
        requests += [http.patch("/users/1", json={"version": 1}) for _ in range(3)]
        dead = await asyncio.gather(*requests)
        server.restart()
        back = [(await http.get("/users")).status_code for _ in range(5)]

        assert {503} == {response.status_code for response in dead}
        assert all("retry-after" in response.headers for response in dead)
        assert set(back) <= {200, 503}
        assert 200 == back[-1]
        assert 200 == (await http.get("/health")).status_code
        assert 409 == (await http.post("/users", json=NEW)).status_code


async def test_two_hundred_clients_on_ten_connections(database_url: str) -> None:
    """They see what they asked for, or 503 where the line is too long."""
    query = "?max_size=10&max_waiting=100"
    statuses: Counter[int] = Counter()

    async def ask(http: httpx.AsyncClient, method: str, path: str, **more: Any) -> Any:
        response = await http.request(method, path, **more)
        statuses[response.status_code] += 1
        if response.status_code == 503:
            assert response.headers["retry-after"]
        return response.json() if response.is_success else None

    async def visit(http: httpx.AsyncClient, n: int) -> bool:
        body = {**NEW, "username": f"u{n}", "email": f"u{n}@example.org"}
        made = await ask(http, "POST", "/users", json=body)
        if made is None:
            return False
        place = f"/users/{made['id']}"
        read = await ask(http, "GET", place)
        assert read in (None, made)
        change = {"version": 1, "name": f"n{n}"}
        changed = await ask(http, "PATCH", place, json=change)
        assert changed is None or changed["name"] == f"n{n}"
        return True

    async with service(database_url, query) as http:
        made = await asyncio.gather(*(visit(http, n) for n in range(200)))
        async with asyncdb.connect(database_url) as db:
            kept = await db.fetchval("SELECT count(*) FROM users", into=int)

    assert set(statuses) <= {200, 201, 503}
    assert sum(made) == statuses[201] == kept
    assert statuses[201] >= 100


def test_one_command_starts_it(database_url: str, tmp_path: Path) -> None:
    """The service runs on each engine by its URL alone."""
    with started(database_url, tmp_path) as address, httpx.Client() as http:
        made = http.post(f"{address}/users", json={**NEW, "username": "starter"})
        if made.status_code == 201:
            http.delete(f"{address}/users/{made.json()['id']}")

        assert made.status_code in (201, 409)
        assert {"status": "ready"} == http.get(f"{address}/health").json()
        assert "<h1>Users</h1>" in http.get(address).text


@pytest.mark.timeout(300)
@engines("sqlite")
def test_its_openapi_holds(database_url: str, tmp_path: Path) -> None:
    """Generated requests meet no 500, and no response that the OpenAPI lacks."""
    with started(database_url, tmp_path) as address:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run"),
                f"{address}/openapi.json",
                *("--checks", "all", "--max-examples", "3", "--seed", "1"),
                # Starlette looks at one route at a time, also to say what it allows.
                *("--exclude-checks", "allow_header_conformance"),
                *("--warnings", "off", "--no-color"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(browser.find() is None, reason="no Chromium on this machine")
@engines("sqlite")
async def test_a_person_sees_it_work(database_url: str, tmp_path: Path) -> None:
    """In a real browser the page lists users, adds one, and says what is wrong."""

    async def add(page: browser.Page, **values: str) -> None:
        for name, value in values.items():
            await page.run(f"document.forms[0].elements.{name}.value = {value!r}")
        await page.run("document.querySelector('form button').click()")

    with started(database_url, tmp_path) as address:
        async with httpx.AsyncClient(base_url=address) as http:
            await http.post("/users", json=NEW)
        async with browser.browse(f"{address}/") as page:
            await page.wait("document.querySelectorAll('#users tr').length == 1")
            bob = {"username": "bob", "email": "bob@example.org"}
            await add(page, **bob, name="<b>Bob</b>", password="correct horse")
            await page.wait("document.querySelectorAll('#users tr').length == 2")
            last = await page.run("document.querySelector('#users').innerText")
            await add(page, **{**bob, "username": "bobby"}, password="correct horse")
            await page.wait("document.querySelector('#problem').textContent")
            problem = await page.run("document.querySelector('#problem').textContent")

    assert "ann@example.org" in last
    assert "<b>Bob</b>" in last
    assert "another user has this email" == problem
