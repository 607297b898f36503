"""The example service, as it is started and used."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import asyncdb
from asyncdb.contrib.fastapi import PoolDep
from asyncdb.contrib.passwords import Passwords
from asyncdb.contrib.users import DuplicateUser, UserRepository
from asyncdb.testing import faults
from examples.fastapi_users.app import create_app
from examples.fastapi_users.routes import get_users
from examples.fastapi_users.settings import Settings
from tests.plugins import browser
from tests.plugins.databases import engines
from tests.plugins.proxy import Proxy, Side
from tests.plugins.servers import Server

ROOT = Path(__file__).resolve().parents[2]
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
ANN = {"username": "ann", "email": "ann@example.org", "name": "Ann"}
NEW = {**ANN, "password": "correct horse"}
INI = ROOT / "examples" / "fastapi_users" / "alembic.ini"


async def cheap_users(pool: PoolDep) -> UserRepository:
    """Users whose passwords cost little."""
    return UserRepository(pool, passwords=CHEAP)


async def empty(url: str) -> None:
    """Leave nothing of the service in a database."""
    async with asyncdb.connect(url) as db:
        await db.execute("DROP TABLE IF EXISTS users")
        await db.execute("DROP TABLE IF EXISTS alembic_version")


@pytest.fixture
def empty_url(database_url: str) -> Iterator[str]:
    """An empty database on each engine in turn."""
    asyncio.run(empty(database_url))
    yield database_url
    asyncio.run(empty(database_url))


@asynccontextmanager
async def service(url: str, query: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service in this process, on a database that was empty."""
    await empty(url)
    app = create_app(Settings(database_url=url + query))
    app.dependency_overrides[get_users] = cheap_users
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as http:
            yield http
    await empty(url)


def environment(url: str, **more: str) -> dict[str, str]:
    """The environment of a program that runs on a database by URL."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "DATABASE_URL": url, **more}


@contextmanager
def starting(url: str, folder: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    """The service's process, started by its one command."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "examples.fastapi_users"],
        cwd=folder,
        env=environment(url, PORT="0", PYTHONUNBUFFERED="1", **more),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        _, rest = process.communicate(timeout=20)
    assert "Traceback" not in rest, rest


def address(process: subprocess.Popen[str]) -> str:
    """Where the service listens, once it does."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := re.search(r"running on (http://\S+)", line):
            return found[1]
    pytest.fail(said)


@contextmanager
def started(url: str, folder: Path, **more: str) -> Iterator[str]:
    """The address of the service, started by its one command on a database by URL."""
    with starting(url, folder, **more) as process:
        yield address(process)


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


ODD_BODIES = {
    "no JSON": (b"{", 422),
    "no object": (b"[]", 422),
    "nothing": (b"", 422),
    "no UTF-8": (b'{"username": "\xff"}', 400),
    "an endless number": (b'{"username": %s}' % (b"9" * 5000), 400),
    "too deep": (b"[" * 100_000, 400),
    "not a number": (b'{"username": NaN}', 422),
    "half a character": (rb'{USER, "name": "\ud800"}', 422),
    "half a character in the password": (rb'{USER, "password": "\ud800-correct"}', 422),
    "half a character in a key": (rb'{USER, "\ud800": 1}', 422),
    "a whole character of two halves": (rb'{USER, "name": "\ud83d\ude00"}', 201),
    "NUL": (rb'{USER, "name": "a\u0000"}', 422),
    "a line's end": (rb'{USER, "username": "odd\n"}', 422),
    "the longest name": (b'{USER, "name": "%s"}' % ("\U0001f600" * 200).encode(), 201),
    "a longer name": (b'{USER, "name": "%s"}' % (b"x" * 201), 422),
    "a huge name": (b'{USER, "name": "%s"}' % (b"x" * 3_000_000), 422),
    "a long email": (b'{USER, "email": "%s@x.org"}' % (b"x" * 248), 201),
    "a longer email": (b'{USER, "email": "%s@x.org"}' % (b"x" * 249), 422),
}
USER = b'"username": "odd", "email": "odd@example.org", "password": "correct horse"'


async def test_odd_bodies(http: httpx.AsyncClient) -> None:
    """Whatever is sent as a user, it is no 500, and the same on every engine."""
    found = {}
    for name, (body, _) in ODD_BODIES.items():
        headers = {"Content-Type": "application/json"}
        sent = body.replace(b"USER", USER)
        answer = await http.post("/users", content=sent, headers=headers)
        found[name] = answer.status_code
        if answer.status_code == 201:
            await http.delete(f"/users/{answer.json()['id']}")
        else:
            assert "correct" not in answer.text
            assert len(answer.content) < 1000

    assert {name: status for name, (_, status) in ODD_BODIES.items()} == found


@pytest.mark.parametrize("key", ["0", "-1", "1.5", "%00", str(2**53), "9" * 5000])
async def test_odd_keys(http: httpx.AsyncClient, key: str) -> None:
    """A key that no user can have is refused before the database is asked."""
    assert 422 == (await http.get(f"/users/{key}")).status_code
    assert 422 == (await http.delete(f"/users/{key}")).status_code
    assert 422 == (await http.get(f"/users?limit={key}")).status_code


@pytest.mark.parametrize("version", [b"1e400", b"NaN", b"-1", b"true", b"9" * 30])
async def test_odd_versions(http: httpx.AsyncClient, version: bytes) -> None:
    """A version that no user can have is refused."""
    body = b'{"version": %s}' % version

    assert 422 == (await http.patch("/users/1", content=body)).status_code


async def test_many_at_once(http: httpx.AsyncClient) -> None:
    """Of many who change, remove or make one user, one does, the others are told."""

    async def statuses(method: str, path: str, **body: Any) -> Counter[int]:
        asked = (http.request(method, path, **body) for _ in range(10))
        return Counter(answer.status_code for answer in await asyncio.gather(*asked))

    assert {201: 1, 409: 9} == await statuses("POST", "/users", json=NEW)
    place = f"/users/{(await http.get('/users')).json()['users'][0]['id']}"
    change = {"version": 1, "name": "Ann B."}
    # MariaDB 11.6 and later stop some by an error that a row has changed: ask again.
    found = await statuses("PATCH", place, json=change)
    assert (1, 9) == (found[200], found[409] + found[503])
    assert {204: 1, 404: 9} == await statuses("DELETE", place)


@engines("sqlite")
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/users", "GET, POST"),
        ("/users/1", "DELETE, GET, PATCH, PUT"),
        ("/login", "POST"),
        ("/health", "GET"),
        ("/docs", "GET, HEAD"),
    ],
)
async def test_what_is_allowed(
    http: httpx.AsyncClient, database_url: str, path: str, allowed: str
) -> None:
    """A 405 names the methods of the path, whichever of its routes was asked."""
    for method in {"OPTIONS", "TRACE", "PUT", "PATCH"} - set(allowed.split(", ")):
        answer = await http.request(method, path)

        assert (405, allowed) == (answer.status_code, answer.headers["allow"])


async def test_pages(http: httpx.AsyncClient) -> None:
    """Pages give every user once, in order, and end; each tells how many there are."""
    for n in range(5):
        body = {**NEW, "username": f"u{n}", "email": f"u{n}@example.org"}
        await http.post("/users", json=body)
    seen, totals, after = [], set(), 0
    while after is not None:
        page = (await http.get("/users", params={"after": after, "limit": 2})).json()
        seen.append([user["username"] for user in page["users"]])
        totals.add(page["total"])
        after = page["next"]
    chosen = (await http.get("/users?username_prefix=u3&is_active=true")).json()

    assert [["u0", "u1"], ["u2", "u3"], ["u4"]] == seen
    assert {5} == totals
    assert ("u3", 1) == (chosen["users"][0]["username"], chosen["total"])


@engines("mariadb", "mariadb+asyncmy")
async def test_a_page_is_one_round_trip(database_url: str) -> None:
    """The users of a page and how many there are in all are asked for together."""
    seen: list[Side] = []

    def note(side: Side, data: bytes) -> bytes:
        seen.append(side)
        return data

    async with (
        Proxy(database_url, note) as proxy,
        service(proxy.url, "?tls=disable&max_size=1") as http,
    ):
        await http.post("/users", json=NEW)
        await http.get("/users")
        seen.clear()
        answer = await http.get("/users?limit=7&is_active=true")
        heard = seen.copy()

    assert 1 == answer.json()["total"]
    assert ["client", "server"] == [side for side, _ in groupby(heard)]


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


def test_one_command_starts_it(empty_url: str, tmp_path: Path) -> None:
    """The service runs on each engine by its URL alone, from an empty database on."""
    url = f"{empty_url}?max_size=3&lock_timeout=4"
    with started(url, tmp_path) as place, httpx.Client(base_url=place) as http:
        assert 201 == http.post("/users", json=NEW).status_code
        assert {"status": "ready"} == http.get("/health").json()
        assert "<h1>Users</h1>" in http.get("/").text
    with started(url, tmp_path) as place, httpx.Client(base_url=place) as http:
        assert 409 == http.post("/users", json=NEW).status_code


def test_services_that_start_at_once(empty_url: str, tmp_path: Path) -> None:
    """Of those that meet an empty database one migrates it, and all serve."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(starting(empty_url, tmp_path)) for _ in range(2)
        ]
        users = [f"{address(process)}/users" for process in processes]
        statuses = [httpx.post(place, json=NEW).status_code for place in users]
        lists = [httpx.get(place).json() for place in users]

    assert [201, 409] == statuses
    assert lists[0] == lists[1]


# -- its schema -----------------------------------------------------------------------


def alembic(url: str, *command: str) -> None:
    """Do one of Alembic's commands, as it is documented."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "alembic", "-c", str(INI), *command],
        env=environment(url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr


def test_migrating_apart(empty_url: str, tmp_path: Path) -> None:
    """Alembic's command goes up, down and up again, and the service finds it done."""
    url = f"{empty_url}?max_size=3"
    for command in (("upgrade", "head"), ("downgrade", "base"), ("upgrade", "head")):
        alembic(url, *command)

    with started(url, tmp_path, MIGRATE="no") as place:
        assert 201 == httpx.post(f"{place}/users", json=NEW).status_code


async def test_not_migrating(database_url: str) -> None:
    """Where the settings say so, the service leaves the schema as it is."""
    await empty(database_url)
    app = create_app(Settings(database_url=database_url, migrate=False))
    async with app.router.lifespan_context(app):
        with pytest.raises(asyncdb.UndefinedTable):
            await app.state.asyncdb_pool.fetchval("SELECT count(*) FROM users")


async def test_a_table_from_create_schema_is_taken_over(database_url: str) -> None:
    """Who began without migrations keeps the table, and the users."""
    await empty(database_url)
    async with asyncdb.connect(database_url) as db:
        users = UserRepository(db)
        await users.create_schema()
        ann = await users.create(username="ann", email="ann@example.org")
    app = create_app(Settings(database_url=database_url))
    async with app.router.lifespan_context(app):
        pool = app.state.asyncdb_pool
        found = await UserRepository(pool).get(ann.id)
        version = await pool.fetchval("SELECT version_num FROM alembic_version")
    await empty(database_url)

    assert (ann, "0001") == (found, version)


def described(connection: Connection) -> list[str]:
    """What SQLAlchemy reads of the table of users."""
    looking = inspect(connection)
    return [
        repr(look("users"))
        for look in (
            *(looking.get_columns, looking.get_pk_constraint),
            *(looking.get_unique_constraints, looking.get_indexes),
        )
    ]


async def the_schema(url: str) -> list[object]:
    """What the table of users is, and what it does with duplicates and with keys."""
    engine = create_async_engine(
        asyncdb.DatabaseURL(url).sqlalchemy, poolclass=NullPool
    )
    async with engine.connect() as connection:
        found: list[object] = [await connection.run_sync(described)]
    async with asyncdb.connect(url) as db:
        users = UserRepository(db)
        ann = await users.create(username="Ann", email="ann@example.org")
        await users.create(username="ann", email="änn@example.org")
        await users.create(username="ann ", email="ann@example.org ")
        for username, email in (("Ann", "a@x.org"), ("b", "ANN@example.org")):
            with pytest.raises(DuplicateUser) as caught:
                await users.create(username=username, email=email)
            found.append(caught.value.field)
        last = await users.create(username="c", email="c@example.org")
        await users.delete(last.id)
        again = await users.create(username="d", email="d@example.org")
        found.append(again.id > last.id)
        found.append(ann.created_at == (await users.update(ann, name="A")).created_at)
    return found


async def test_the_migration_makes_the_repositorys_table(database_url: str) -> None:
    """What the migration makes is what `create_schema` makes, and behaves alike."""
    await empty(database_url)
    async with asyncdb.connect(database_url) as db:
        await UserRepository(db).create_schema()
    expected = await the_schema(database_url)
    async with service(database_url):
        found = await the_schema(database_url)

    assert expected == found
    assert ["username", "email", True, True] == found[1:]


async def test_a_database_in_memory() -> None:
    """It is served too: its table is made on the one connection that sees it."""
    app = create_app(Settings(database_url="sqlite://"))
    async with app.router.lifespan_context(app):
        pool = app.state.asyncdb_pool

        assert [] == await UserRepository(pool).find()


# -- seen from outside ----------------------------------------------------------------


@pytest.mark.timeout(300)
@engines("sqlite")
def test_its_openapi_holds(database_url: str, tmp_path: Path) -> None:
    """Generated requests meet no 500, and no response that the OpenAPI lacks."""
    with started(database_url, tmp_path) as place:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run"),
                f"{place}/openapi.json",
                *("--checks", "all", "--max-examples", "3", "--seed", "1"),
                *("--warnings", "off", "--no-color"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert 0 == done.returncode, done.stdout + done.stderr


needs_browser = pytest.mark.skipif(
    browser.find() is None, reason="no Chromium on this machine"
)
DIALOG = "document.querySelector('dialog[open]')"
ROWS = "document.querySelectorAll('#users tr').length"


async def press(page: browser.Page, name: str) -> None:
    """Press what a screen reader calls so, in the open dialog if there is one."""
    buttons = f"({DIALOG} ?? document).querySelectorAll('button')"
    called = f"(one.ariaLabel ?? one.textContent) == {name!r}"
    await page.run(f"[...{buttons}].find(one => {called}).click()")


async def fill(page: browser.Page, **values: str) -> None:
    """Fill in fields of the form, and save."""
    for name, value in values.items():
        await page.run(f"{DIALOG}.querySelector('[name={name}]').value = {value!r}")
    await press(page, "Save")


async def text(page: browser.Page, selector: str) -> str:
    """What stands in an element."""
    found = await page.run(f"document.querySelector({selector!r}).textContent")
    return str(found)


async def heard(page: browser.Page) -> set[tuple[str, str]]:
    """What a screen reader finds: roles and names."""
    tree = await page.send("Accessibility.getFullAXTree")
    nodes = [node for node in tree["nodes"] if not node["ignored"] and "name" in node]
    return {(node["role"]["value"], node["name"]["value"]) for node in nodes}


@needs_browser
@engines("sqlite")
async def test_a_person_sees_it_work(database_url: str, tmp_path: Path) -> None:
    """In a real browser users are added, changed and deleted, and errors explained."""
    bob = {"username": "bob", "email": "bob@example.org", "password": "correct horse"}
    with starting(database_url, tmp_path) as process:
        place = address(process)
        async with (
            httpx.AsyncClient(base_url=place) as http,
            browser.browse(f"{place}/") as page,
        ):
            await page.wait("!document.querySelector('#empty').hidden")
            assert not await page.run("document.querySelector('nav').checkVisibility()")
            await press(page, "Add a user")
            await fill(page, **bob, name="<b>Bob</b>")
            await page.wait(f"!{DIALOG} && {ROWS} == 1")
            assert "bob is added." == await text(page, "#told")
            assert "<b>Bob</b>" in await text(page, "#users")

            await http.post("/users", json=NEW)
            await press(page, "Edit bob")
            await fill(page, email="ANN@example.org")
            await page.wait("document.querySelector('#email-error').textContent")
            assert "another user has this email" == await text(page, "#email-error")
            assert "email" == await page.run("document.activeElement.name")
            await http.patch("/users/1", json={"version": 1, "name": "Bobby"})
            await fill(page, email="bobby@example.org")
            alert = "dialog[open] [role=alert]"
            await page.wait(f"document.querySelector({alert!r}).textContent")
            assert "at version 2, not 1" in await text(page, alert)
            await press(page, "Cancel")
            await page.wait(f"{ROWS} == 2")
            await press(page, "Edit bob")
            await fill(page, email="bobby@example.org")
            await page.wait(f"!{DIALOG}")
            changed = (await http.get("/users/1")).json()
            assert ("Bobby", 3) == (changed["name"], changed["version"])

            await press(page, "Delete ann")
            await press(page, "Cancel")
            await press(page, "Delete ann")
            await press(page, "Delete")
            await page.wait(f"!{DIALOG} && {ROWS} == 1")
            assert [1] == [
                one["id"] for one in (await http.get("/users")).json()["users"]
            ]

            await press(page, "Add a user")
            process.terminate()
            process.wait()
            await fill(page, **{**bob, "username": "b", "email": "b@example.org"})
            told = f"document.querySelector({alert!r}).textContent"
            await page.wait(f"{told} == 'the service does not answer; try again'")


@needs_browser
@engines("sqlite")
async def test_a_person_turns_pages(database_url: str, tmp_path: Path) -> None:
    """Pages go on and back, and one that has become empty gives way."""
    with started(database_url, tmp_path) as place:
        async with (
            httpx.AsyncClient(base_url=place) as http,
            browser.browse("about:blank") as page,
        ):
            for n in range(11):
                body = {**NEW, "username": f"u{n}", "email": f"u{n}@example.org"}
                await http.post("/users", json=body)
            await page.send("Page.navigate", url=place)
            await page.wait(f"{ROWS} == 10")
            await press(page, "Next")
            await page.wait(f"{ROWS} == 1")
            last = [await text(page, "#page"), await text(page, "#users td")]
            assert await page.run("document.querySelector('#next').disabled")
            await press(page, "Delete u10")
            await press(page, "Delete")
            await page.wait(f"{ROWS} == 10")

            assert ["Page 2 of 2", "u10"] == last
            assert not await page.run("document.querySelector('nav').checkVisibility()")


@needs_browser
@engines("sqlite")
async def test_a_screen_reader_finds_its_way(database_url: str, tmp_path: Path) -> None:
    """Each control has a role and a name, each mistake is said of its field."""
    with started(database_url, tmp_path) as place:
        httpx.post(f"{place}/users", json=NEW)
        async with browser.browse(f"{place}/") as page:
            await page.wait(f"{ROWS} == 1")
            seen = await heard(page)
            await press(page, "Add a user")
            await fill(page, username="a b", email="no email", password="")
            form = await heard(page)
            wrong = f"{DIALOG}.querySelectorAll('[aria-invalid=true]')"
            said = "one.ariaDescribedByElements.map(it => it.textContent).join(' ')"
            invalid = await page.run(f"[...{wrong}].map(one => [one.name, {said}])")
            focused = await page.run("document.activeElement.name")

    assert {("heading", "Users"), ("table", "Users"), ("button", "Edit ann")} <= seen
    assert {("columnheader", "Email"), ("button", "Delete ann")} <= seen
    assert {
        *(("textbox", name) for name in ("Username", "Email", "Name", "Password")),
        *(("dialog", "Add a user"), ("button", "Save"), ("button", "Cancel")),
    } <= form
    assert ["username", "email", "password"] == [name for name, _ in invalid]
    assert "Letters, digits, and . _ - other signs are not allowed" == invalid[0][1]
    assert all("ill out this field" in told for _, told in invalid[2:])
    assert "username" == focused
