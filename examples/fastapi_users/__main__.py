"""`python -m examples.fastapi_users`."""

import uvicorn

from examples.fastapi_users.app import create_app
from examples.fastapi_users.settings import Settings

if __name__ == "__main__":
    settings = Settings.from_environment()
    uvicorn.run(create_app(settings), host=settings.host, port=settings.port)
