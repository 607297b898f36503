"""A headless Chromium, driven over two pipes: no library, no port.

    async with browse("http://127.0.0.1:8000/") as page:
        await page.run("document.title")

It speaks the DevTools protocol: JSON messages that end in a NUL, which Chromium reads
from file descriptor 3 and writes to 4 (`--remote-debugging-pipe`).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

VARIABLE = "ASYNCDB_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",  # as root there is none
    "--remote-debugging-pipe",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
)


def find() -> str | None:
    """The program, or `None`."""
    given = os.environ.get(VARIABLE)
    return given or next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One tab."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.WriteTransport
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._last = 0
        self._seen: set[str | None] = set()
        self.session: str | None = None

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Give an order and return its result; events are passed over."""
        self._last += 1
        order: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if self.session:
            order["sessionId"] = self.session
        self._writer.write(json.dumps(order).encode() + b"\0")
        while True:
            answer = await self._next()
            self._seen.add(answer.get("method"))
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(answer["error"]["message"])
                result: dict[str, Any] = answer["result"]
                return result

    async def until(self, event: str) -> None:
        """Wait for an event, unless it was passed over already."""
        while event not in self._seen:
            self._seen.add((await self._next()).get("method"))

    async def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads((await self._reader.readuntil(b"\0"))[:-1])
        return message

    async def run(self, script: str) -> Any:
        """Return the value of an expression, awaited."""
        found = await self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"])
        return found["result"].get("value")

    async def wait(self, condition: str) -> None:
        """Wait until an expression is true, ten seconds at most."""
        script = (
            "new Promise((done, fail) => { const end = Date.now() + 10000;"
            f"const look = () => {{ if ({condition}) done(true);"
            "else if (Date.now() > end) fail(new Error('not in time'));"
            "else requestAnimationFrame(look); }; look(); })"
        )
        await self.run(script)


@asynccontextmanager
async def browse(url: str) -> AsyncIterator[Page]:
    """A tab of a new browser, with a profile of its own, showing `url`."""
    program = find()
    if program is None:
        message = f"no Chromium; {VARIABLE} names one"
        raise FileNotFoundError(message)
    to_read, our_orders = os.pipe()
    our_answers, to_write = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        shell = f'exec "$@" 3</dev/fd/{to_read} 4>/dev/fd/{to_write}'
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", shell, "sh", program, *FLAGS, f"--user-data-dir={profile}"),
            pass_fds=(to_read, to_write),
            stderr=asyncio.subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=2**24)
        reading, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(our_answers, "rb")
        )
        writing, _ = await loop.connect_write_pipe(
            asyncio.BaseProtocol, os.fdopen(our_orders, "wb")
        )
        try:
            page = Page(reader, writing)
            target = await page.send("Target.createTarget", url="about:blank")
            attached = await page.send(
                "Target.attachToTarget", targetId=target["targetId"], flatten=True
            )
            page.session = attached["sessionId"]
            await page.send("Page.enable")
            await page.send("Page.navigate", url=url)
            await page.until("Page.loadEventFired")
            yield page
        finally:
            process.kill()
            await process.wait()
            reading.close()
            writing.close()
            await asyncio.sleep(0)  # the transports close their pipes
