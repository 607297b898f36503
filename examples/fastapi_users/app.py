"""The application: `uvicorn examples.fastapi_users.app:app`."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse

from asyncdb import Observer
from asyncdb.contrib.fastapi import ERROR_RESPONSES, readiness, register_asyncdb
from asyncdb.contrib.users import DuplicateUser, StaleUser, UserNotFound
from examples.fastapi_users import schema
from examples.fastapi_users.answers import not_allowed, not_valid
from examples.fastapi_users.models import Health
from examples.fastapi_users.routes import router
from examples.fastapi_users.settings import Settings

PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")


def create_app(
    settings: Settings | None = None, observers: Sequence[Observer] = ()
) -> FastAPI:
    """Return the service; from the environment's settings where none are given."""
    settings = settings or Settings.from_environment()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        """Make the tables; the pool is open already."""
        await schema.prepare(app.state.asyncdb_pool, settings)
        yield

    app = FastAPI(
        title="Users",
        version="1.0.0",
        lifespan=lifespan,
        exception_handlers={405: not_allowed, RequestValidationError: not_valid},
    )
    register_asyncdb(
        app,
        settings.database_url,
        errors={UserNotFound: 404, DuplicateUser: 409, StaleUser: 409},
        readiness_path=None,  # it is /health here, and documented
        observers=observers,
    )
    app.include_router(router)

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        """Show a page for people."""
        return HTMLResponse(PAGE)

    unavailable = {**ERROR_RESPONSES[503], "model": Health}
    unavailable.pop("content")

    @app.get("/health", response_model=Health, responses={503: unavailable})
    async def health(request: Request) -> Response:
        """Tell whether the database answers."""
        return await readiness(request)

    return app


app = create_app()
