"""The paths.

What is one statement runs on the pool. What reads and then writes runs in a transaction
that is committed before the answer is sent.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query

from asyncdb.contrib.fastapi import ERROR_RESPONSES, PoolDep, TransactionDep
from asyncdb.contrib.users import StaleUser, User, UserRepository
from examples.fastapi_users.models import (
    Login,
    UserChanges,
    UserIn,
    UserOut,
    UserPage,
    UserReplacement,
)

router = APIRouter(responses={n: ERROR_RESPONSES[n] for n in (400, 503)})
Responses = dict[int | str, dict[str, Any]]
NOT_FOUND: Responses = {404: ERROR_RESPONSES[404]}
CONFLICT: Responses = {409: ERROR_RESPONSES[409]}
LARGEST = 2**53 - 1  # in JSON

UserId = Annotated[int, Path(ge=1, le=LARGEST, examples=[1])]


async def get_users(pool: PoolDep) -> UserRepository:
    """Each call on a connection of its own."""
    return UserRepository(pool)


async def get_users_in_transaction(db: TransactionDep) -> UserRepository:
    """All calls in the request's transaction."""
    return UserRepository(db)


Users = Annotated[UserRepository, Depends(get_users)]
UsersInTransaction = Annotated[UserRepository, Depends(get_users_in_transaction)]


@router.post("/users", status_code=201, response_model=UserOut, responses=CONFLICT)
async def create_user(new: UserIn, users: Users) -> User:
    """Add a user."""
    return await users.create(
        username=new.username, email=new.email, name=new.name, password=new.password
    )


@router.get("/users", response_model=UserPage)
async def list_users(
    users: Users,
    after: Annotated[int, Query(ge=0, le=LARGEST, description="`next` of a page.")] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    username_prefix: Annotated[str, Query(pattern=r"^[A-Za-z0-9_.\-]{0,150}$")] = "",
    is_active: Annotated[bool | None, Query()] = None,
) -> dict[str, object]:
    """List users in the order of their keys, a page at a time."""
    found, total = await users.find_and_count(
        after=after,
        limit=limit + 1,  # one more says whether there is a next page
        username_prefix=username_prefix,
        is_active=is_active,
    )
    page = found[:limit]
    following = page[-1].id if len(found) > limit else None
    return {"users": page, "next": following, "total": total}


@router.get("/users/{user_id}", response_model=UserOut, responses=NOT_FOUND)
async def read_user(user_id: UserId, users: Users) -> User:
    """Read a user."""
    return await users.get(user_id)


@router.put("/users/{user_id}", response_model=UserOut, responses=NOT_FOUND | CONFLICT)
async def replace_user(
    user_id: UserId, body: UserReplacement, users: UsersInTransaction
) -> User:
    """Replace a user, unless somebody else has changed it."""
    user = await _unchanged(users, user_id, body.version)
    return await users.update(user, **body.model_dump(exclude={"version"}))


@router.patch(
    "/users/{user_id}", response_model=UserOut, responses=NOT_FOUND | CONFLICT
)
async def change_user(
    user_id: UserId, body: UserChanges, users: UsersInTransaction
) -> User:
    """Change a user, unless somebody else has changed it."""
    user = await _unchanged(users, user_id, body.version)
    changes = body.model_dump(exclude={"version"}, exclude_none=True)
    return await users.update(user, **changes)


@router.delete("/users/{user_id}", status_code=204, responses=NOT_FOUND)
async def delete_user(user_id: UserId, users: Users) -> None:
    """Remove a user."""
    await users.delete(user_id)


@router.post(
    "/login",
    response_model=UserOut,
    responses={401: {**ERROR_RESPONSES[404], "description": "Not so."}},
)
async def log_in(login: Login, users: Users) -> User:
    """Check a password; that it is wrong is all that is said when it fails."""
    user = await users.verify_password(login.username, login.password)
    if user is None:
        raise HTTPException(401, "username and password do not fit")
    return user


async def _unchanged(users: UserRepository, user_id: int, version: int) -> User:
    user = await users.get(user_id)
    if user.version != version:
        message = f"user {user_id} is at version {user.version}, not {version}"
        raise StaleUser(message)
    return user
