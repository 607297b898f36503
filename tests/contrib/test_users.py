"""The reference repository means the same on every database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from pydantic import SecretStr

import asyncdb
from asyncdb.contrib.passwords import Passwords
from asyncdb.contrib.users import (
    DuplicateUser,
    NewUser,
    Secret,
    StaleUser,
    User,
    UserNotFound,
    UserRepository,
)
from tests.plugins.databases import engines

CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
ANN: NewUser = {"username": "ann", "email": "Ann@Example.org", "name": "Ann"}
BOB: NewUser = {"username": "bob", "email": "bob@example.org"}


@asynccontextmanager
async def repository(url: str) -> AsyncIterator[UserRepository]:
    """A repository on a pool, with an empty table of its own."""
    async with asyncdb.create_pool(url, max_size=10) as pool:
        users = UserRepository(pool, passwords=CHEAP)
        await pool.execute("DROP TABLE IF EXISTS users")
        await users.create_schema()
        try:
            yield users
        finally:
            await pool.execute("DROP TABLE users")


@pytest_asyncio.fixture
async def users(database_url: str) -> AsyncIterator[UserRepository]:
    """A repository on a pool to each engine in turn."""
    async with repository(database_url) as found:
        yield found


async def make(users: UserRepository, count: int) -> list[User]:
    """Create users u0, u1, ..., every third of them inactive."""
    return [
        await users.create(
            username=f"u{n}", email=f"u{n}@example.org", is_active=n % 3 != 0
        )
        for n in range(count)
    ]


async def test_a_user_comes_back_as_created(users: UserRepository) -> None:
    """What `create` returns is what every `get` reads, with an aware time in UTC."""
    before = datetime.now(UTC)
    ann = await users.create(**ANN)
    after = datetime.now(UTC)

    assert before <= ann.created_at <= after
    assert UTC == ann.created_at.tzinfo
    assert ("ann", "Ann@Example.org", "Ann", True, 1) == (
        *(ann.username, ann.email, ann.name),
        *(ann.is_active, ann.version),
    )
    assert ann == await users.get(ann.id)
    assert ann == await users.get_by_username("ann")
    assert ann == await users.get_by_email("aNN@eXAMPLE.ORG")
    read = await users.get(ann.id)
    assert timedelta(0) == read.created_at.utcoffset()
    assert bool is type(read.is_active)


async def test_created_at_does_not_change(users: UserRepository) -> None:
    """An update leaves the time of creation alone, also where a column could move."""
    ann = await users.create(**ANN)
    await users.update(ann, name="Other")

    assert ann.created_at == (await users.get(ann.id)).created_at


@pytest.mark.parametrize(
    ("username", "email", "field"),
    [
        ("ann", "other@example.org", "username"),
        ("other", "ANN@example.ORG", "email"),
        ("other", "Ann@Example.org", "email"),
    ],
)
async def test_duplicates_name_their_field(
    users: UserRepository, username: str, email: str, field: str
) -> None:
    """A taken username or email, whatever its case, is refused with the field."""
    await users.create(**ANN)

    with pytest.raises(DuplicateUser) as refused:
        await users.create(username=username, email=email)

    assert field == refused.value.field
    assert 1 == await users.count()


@pytest.mark.parametrize("other", ["Ann", "ánn", "ann ", "a\u0301nn"])
async def test_usernames_are_compared_character_by_character(
    users: UserRepository, other: str
) -> None:
    """Case, accents and a trailing space make another username on every engine."""
    await users.create(**ANN)
    await users.create(username=other, email="other@example.org")

    assert other == (await users.get_by_username(other)).username
    assert 2 == await users.count()


async def test_emails_differ_by_accents(users: UserRepository) -> None:
    """Only case is ignored in an email, beyond ASCII too."""
    await users.create(username="a", email="jos\u00e9@example.org")
    await users.create(username="b", email="jose@example.org")

    with pytest.raises(DuplicateUser):
        await users.create(username="c", email="JOS\u00c9@EXAMPLE.ORG")


async def test_fifty_at_once_one_wins(users: UserRepository) -> None:
    """Of fifty tasks that create one user, one does and 49 get DuplicateUser."""
    found = await asyncio.gather(
        *(users.create(**ANN) for _ in range(50)), return_exceptions=True
    )

    kinds = Counter(type(one) for one in found)
    assert {User: 1, DuplicateUser: 49} == kinds
    assert 1 == await users.count()


async def test_schemas_created_at_once(database_url: str) -> None:
    """Several processes may start at once: each finds the schema there."""
    async with (
        repository(database_url) as users,
        asyncdb.create_pool(database_url, min_size=5) as pool,
    ):
        await pool.execute("DROP TABLE users")
        await asyncio.gather(*(UserRepository(pool).create_schema() for _ in range(5)))

        assert 0 == await users.count()


async def test_create_many_is_all_or_nothing(users: UserRepository) -> None:
    """Many are created as one, or none is and the duplicate's field is named."""
    many: list[NewUser] = [
        {"username": f"m{n}", "email": f"m{n}@x.org"} for n in range(300)
    ]
    many[7] = {**many[7], "password": Secret("seven")}

    assert 300 == await users.create_many(many)
    assert 0 == await users.create_many([])
    assert await users.verify_password("m7", Secret("seven"))

    with pytest.raises(DuplicateUser) as refused:
        await users.create_many([BOB, {"username": "x", "email": "M5@x.org"}])
    assert "email" == refused.value.field
    assert 300 == await users.count()


async def test_missing_users(users: UserRepository) -> None:
    """Whoever is not there raises UserNotFound, however asked for."""
    ann = await users.create(**ANN)
    await users.delete(ann.id)

    for asked in (
        users.get(ann.id),
        users.get_by_username("ann"),
        users.get_by_email("ann@example.org"),
        users.delete(ann.id),
        users.update(ann, name="x"),
    ):
        with pytest.raises(UserNotFound):
            await asked


async def test_keys_never_come_back(users: UserRepository) -> None:
    """The key of a deleted user is not given to the next one."""
    ann = await users.create(**ANN)
    await users.delete(ann.id)
    again = await users.create(**ANN)

    assert again.id > ann.id


async def test_pages_follow_each_other(users: UserRepository) -> None:
    """Pages of any size give every user once, in order, also while some go."""
    made = await make(users, 10)
    first = await users.find(limit=4)
    await users.delete(made[1].id)
    second = await users.find(after=first[-1].id, limit=4)
    third = await users.find(after=second[-1].id, limit=4)

    assert made == first + second + third
    assert [] == await users.find(after=third[-1].id)


async def test_filters(users: UserRepository) -> None:
    """Filters choose the same users for pages, counts and streams."""
    made = await make(users, 10)
    await users.create(username="U1", email="upper@example.org")
    await users.create(username="u_1", email="wild@example.org")
    inactive = [user for user in made if not user.is_active]

    assert inactive == await users.find(is_active=False)
    assert len(inactive) == await users.count(is_active=False)
    async with users.stream(is_active=False) as found:
        assert inactive == [user async for user in found]
    assert [made[1]] == await users.find(username_prefix="u1")
    assert ["u_1"] == [u.username for u in await users.find(username_prefix="u_")]
    assert 12 == await users.count(username_prefix="", is_active=None)


async def test_a_page_and_the_count_of_all(users: UserRepository) -> None:
    """They are asked together, with the same filters."""
    made = await make(users, 10)
    inactive = [user for user in made if not user.is_active]

    assert (made[:4], 10) == await users.find_and_count(limit=4)
    assert (made[4:6], 10) == await users.find_and_count(after=made[3].id, limit=2)
    assert (inactive[:1], len(inactive)) == await users.find_and_count(
        limit=1, is_active=False
    )
    assert ([], 0) == await users.find_and_count(username_prefix="nobody")


async def test_an_update_is_partial(users: UserRepository) -> None:
    """What is not given stays, in the answer as in the database."""
    ann = await users.create(**ANN, password=Secret("x"))
    changed = await users.update(ann, email="New@example.org", is_active=False)

    wanted = replace(ann, email="New@example.org", is_active=False, version=2)
    assert wanted == changed == await users.get(ann.id)
    assert wanted == await users.get_by_email("nEW@example.org")
    assert changed == await users.update(changed)


async def test_a_stale_update_is_refused(users: UserRepository) -> None:
    """Of two that changed what they read, the second is told to read again."""
    ann = await users.create(**ANN)
    await users.update(ann, name="First")

    with pytest.raises(StaleUser):
        await users.update(ann, name="Second")
    assert "First" == (await users.get(ann.id)).name


async def test_of_updates_at_once_one_wins(users: UserRepository) -> None:
    """Twenty tasks that change one version: one does, the others are stale."""
    ann = await users.create(**ANN)
    found = await asyncio.gather(
        *(users.update(ann, name=f"n{n}") for n in range(20)), return_exceptions=True
    )

    assert {User: 1, StaleUser: 19} == Counter(type(one) for one in found)


async def test_an_update_to_a_taken_value(users: UserRepository) -> None:
    """An update meets the same rules as a new user."""
    await users.create(**ANN)
    bob = await users.create(**BOB)

    with pytest.raises(DuplicateUser) as refused:
        await users.update(bob, email="ANN@example.org")
    assert "email" == refused.value.field
    assert bob == await users.get(bob.id)


async def test_upsert_adds_then_changes(users: UserRepository) -> None:
    """The first upsert adds, the second changes what is given and nothing else."""
    ann = await users.upsert(**ANN, password=Secret("x"))
    again = await users.upsert(username="ann", email="new@example.org")

    assert replace(ann, email="new@example.org", version=2) == again
    assert again == await users.get(ann.id)
    assert again == await users.verify_password("ann", Secret("x"))


async def test_upsert_never_touches_another_user(users: UserRepository) -> None:
    """An upsert whose email is another's is refused, and that one unchanged."""
    ann = await users.create(**ANN)

    with pytest.raises(DuplicateUser) as refused:
        await users.upsert(username="new", email="ann@example.org", name="Thief")
    assert "email" == refused.value.field
    bob = await users.create(**BOB)
    with pytest.raises(DuplicateUser) as refused:
        await users.upsert(username="bob", email="ann@example.org", name="Thief")
    assert "email" == refused.value.field
    assert [ann, bob] == await users.find()


async def test_passwords(users: UserRepository) -> None:
    """Only the active user's own password is accepted."""
    ann = await users.create(**ANN, password=Secret("s3cret"))
    await users.create(**BOB)

    assert ann == await users.verify_password("ann", Secret("s3cret"))
    assert ann == await users.verify_password("ann", SecretStr("s3cret"))
    assert await users.verify_password("ann", Secret("secret")) is None
    assert await users.verify_password("ANN", Secret("s3cret")) is None
    assert await users.verify_password("bob", Secret("")) is None
    assert await users.verify_password("nobody", Secret("nobody")) is None
    ann = await users.update(ann, password=Secret("n3w"))
    assert await users.verify_password("ann", Secret("s3cret")) is None
    assert ann == await users.verify_password("ann", Secret("n3w"))
    await users.update(ann, is_active=False)
    assert await users.verify_password("ann", Secret("n3w")) is None


class Counting(PasswordHasher):
    """A hasher that counts how often it compares."""

    compared = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        """Compare, and count."""
        self.compared += 1
        return super().verify(hash, password)


@engines("sqlite")
async def test_refusals_cost_the_same(database_url: str) -> None:
    """Who does not exist, is inactive or has no password costs one comparison too."""
    hasher = Counting(time_cost=1, memory_cost=8, parallelism=1)
    async with repository(database_url) as users:
        await users.create(**ANN)
        await users.create(**BOB, password=Secret("x"), is_active=False)
        checking = UserRepository(users._db, passwords=Passwords(hasher))
        for name in ("ann", "bob", "nobody"):
            before = hasher.compared
            assert await checking.verify_password(name, Secret("x")) is None

            assert 1 == hasher.compared - before


async def test_old_hashes_are_renewed(database_url: str) -> None:
    """A login with a hash of yesterday's cost stores one of today's."""
    dearer = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    async with repository(database_url) as users:
        await users.create(**ANN, password=Secret("x"))
        renewing = UserRepository(users._db, passwords=dearer)
        assert await renewing.verify_password("ann", Secret("x"))
        stored = await users._db.fetchval("SELECT password_hash FROM users", into=str)

        assert stored is not None
        assert "m=16,t=2,p=1" in stored
        assert await renewing.verify_password("ann", Secret("x"))


async def test_no_password_is_shown(users: UserRepository) -> None:
    """Neither password nor hash is in what the repository gives or stores as text."""
    ann = await users.create(**ANN, password=Secret("s3cret"))
    stored = await users._db.fetchval("SELECT password_hash FROM users", into=str)

    assert stored is not None
    assert stored.startswith("$argon2id$")
    assert "s3cret" not in stored
    shown = repr([ann, Secret("s3cret"), {**ANN, "password": Secret("s3cret")}])
    assert "s3cret" not in shown
    assert "argon2" not in shown
    with pytest.raises(TypeError, match="secret"):
        await users.create(**BOB, password="plain")  # type: ignore[arg-type]


@pytest.mark.parametrize(("field", "limit"), [("username", 150), ("name", 200)])
async def test_lengths(users: UserRepository, field: str, limit: int) -> None:
    """The longest text comes back; one character more is refused with its field."""
    longest: NewUser = {**BOB, field: "\U0001f600" * limit}  # type: ignore[misc]
    made = await users.create(**longest)

    assert made == await users.get(made.id)
    with pytest.raises(asyncdb.StringTooLong) as refused:
        await users.update(made, **{field: "x" * (limit + 1)})  # type: ignore[misc]
    assert (field,) == refused.value.columns


async def test_the_longest_email(users: UserRepository) -> None:
    """An email whose folded form is longer than itself fits too."""
    made = await users.create(username="ann", email="\u1e9e\u0390" * 127)

    assert made == await users.get_by_email(made.email)


async def test_names_of_fields_never_become_sql(users: UserRepository) -> None:
    """A key that is no field is refused before it is part of a statement."""
    ann = await users.create(**ANN)

    with pytest.raises(TypeError, match="a user has no"):
        await users.update(ann, **{"name = '' --": "x"})  # type: ignore[misc]


async def test_a_transaction_takes_it_all_back(users: UserRepository) -> None:
    """On a connection in a transaction, what the repository did is rolled back."""
    pool = users._db
    with pytest.raises(KeyError):
        async with pool.transaction() as db:
            inside = UserRepository(db, passwords=CHEAP)
            ann = await inside.create(**ANN)
            await inside.update(ann, name="x")
            await inside.create_many([BOB])
            assert 2 == await inside.count()
            raise KeyError

    assert 0 == await users.count()


async def test_a_savepoint_around_a_duplicate(users: UserRepository) -> None:
    """Within a transaction a duplicate is survived by nesting a block around it."""
    async with users._db.transaction() as db:
        inside = UserRepository(db, passwords=CHEAP)
        await inside.create(**ANN)
        with pytest.raises(DuplicateUser):
            async with db.transaction():
                await inside.create(**ANN)
        await inside.create(**BOB)

    assert 2 == await users.count()


async def test_a_plain_connection_will_do(database_url: str) -> None:
    """The repository works on one connection as on a pool."""
    async with repository(database_url), asyncdb.connect(database_url) as db:
        users = UserRepository(db, passwords=CHEAP)
        ann = await users.create(**ANN)

        async with users.stream() as found:
            assert [ann] == [user async for user in found]
        assert replace(ann, version=2) == await users.upsert(**ANN)
