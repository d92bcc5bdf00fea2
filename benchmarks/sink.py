"""A data platform that takes everything: run as a process, asked over HTTP.

``POST`` with ``x-delay`` in the path waits so many milliseconds. ``GET`` returns when
each event came, by what it was about, and forgets it.
"""

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from typing import Self

arrivals: list[tuple[str, float]] = []


class Sink:
    """The process, as long as it is needed."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sink"], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self._address = f"http://127.0.0.1:{self._process.stdout.readline().strip()}"
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        self._process.wait(10)

    def url(self, *, delay: int = 0) -> str:
        """Return where to send events; each POST takes ``delay`` ms."""
        return f"{self._address}/{delay}"

    def take(self) -> list[tuple[str, float]]:
        """Return what has come since the last time: subject, monotonic seconds."""
        with urllib.request.urlopen(self._address) as response:
            return [(subject, moment) for subject, moment in json.load(response)]


async def serve() -> None:
    """Take events until the end."""
    server = await asyncio.start_server(_talk, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            method, path, _rest = head.split(" ", 2)
            body = await reader.readexactly(_length(head))
            reply = await _answer(method, path, body)
            length = str(len(reply)).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-length: " + length + b"\r\n\r\n" + reply
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _answer(method: str, path: str, body: bytes) -> bytes:
    if method == "get":
        taken = json.dumps(arrivals).encode()
        arrivals.clear()
        return taken
    moment = time.monotonic()
    events = json.loads(body)
    batch = events if isinstance(events, list) else [events]
    arrivals.extend((event["subject"], moment) for event in batch)
    await asyncio.sleep(int(path.strip("/") or 0) / 1000)
    return b""


def _length(head: str) -> int:
    return int(head.partition("content-length:")[2].partition("\r")[0] or 0)


if __name__ == "__main__":
    asyncio.run(serve())
