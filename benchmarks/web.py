"""The shop behind its HTTP server, and many clients in front of it."""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, cycle
from pathlib import Path
from typing import Self

from benchmarks.measure import Sample, percentile, postgres_seconds, tree_seconds

WORKERS = 2
START_SECONDS = 30
LUA = Path(__file__).parent / "wrk.lua"
HAS_WRK = shutil.which("wrk") is not None


@dataclass(frozen=True)
class Request:
    """One request; ``{id}`` in the path is the id that the last reply had."""

    method: str
    path: str
    token: str = ""
    cookie: str = ""
    key: str = ""
    etag: str = ""
    body: str = ""

    def line(self) -> str:
        """Return it as ``wrk.lua`` reads it."""
        bearer = self.token and f"Bearer {self.token}"
        parts = (self.method, self.path, bearer, self.cookie, self.key, self.etag)
        return "\t".join((*parts, self.body))

    def headers(self) -> dict[str, str]:
        """Return it as ``http.client`` takes it."""
        headers = {
            "Authorization": self.token and f"Bearer {self.token}",
            "Cookie": self.cookie,
            "Idempotency-Key": self.key,
            "If-None-Match": self.etag,
            "Content-Type": self.body and "application/json",
        }
        return {name: value for name, value in headers.items() if value}


Flow = Sequence[Request]
PING = Request("GET", "/livez")


@dataclass(frozen=True)
class Load:
    """A file of flows, and how to send them; ``watch`` if replies' ids are needed."""

    port: int
    file: Path
    clients: int
    seconds: float
    watch: bool


class WebServer:
    """The shop as it is served in production: granian, 2 workers × 2 threads."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    def __enter__(self) -> Self:
        command = [
            *(sys.executable, "-m", "granian", "--interface", "wsgi"),
            *("config.wsgi:application", "--host", "127.0.0.1"),
            *("--port", str(self.port), "--workers", str(WORKERS)),
            *("--blocking-threads", "2", "--no-ws", "--log-level", "error"),
        ]
        environment = {**os.environ, "SHOP_PROCESS": "web"}
        self._process = subprocess.Popen(command, env=environment)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError("the web server did not start")
            time.sleep(0.1)
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def run(
        self,
        flows: Iterable[Flow],
        *,
        clients: int,
        seconds: float,
        watch: bool = False,
    ) -> Sample:
        """Send flows over and over; ``watch`` if they need ids from replies.

        A flow may be sent twice if there are too few.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "flows"
            with file.open("w") as lines:
                # wrk asks for a request that it does not send, so nothing is lost.
                for flow in chain([[PING]] * clients, flows):
                    lines.writelines(f"{request.line()}\n" for request in flow)
                    lines.write("\n")
            run = _wrk if HAS_WRK else _python
            before = self._clocks()
            sample, requests = run(Load(self.port, file, clients, seconds, watch))
            return self._with_cpu(sample, requests, before)

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Ask once; return status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        names = {name.lower(): value for name, value in response.getheaders()}
        return response.status, names, body

    def _answers(self) -> bool:
        try:
            return self.get("/livez")[0] == 200
        except OSError:
            return False

    def _clocks(self) -> tuple[float | None, float | None]:
        return tree_seconds(self._process.pid), postgres_seconds()

    def _with_cpu(
        self, sample: Sample, requests: int, before: tuple[float | None, float | None]
    ) -> Sample:
        per = 1000 / max(requests, 1)
        python, postgres = (
            None if begun is None or ended is None else (ended - begun) * per
            for begun, ended in zip(before, self._clocks(), strict=True)
        )
        return Sample(
            rate=sample.rate,
            p50=sample.p50,
            p99=sample.p99,
            python_cpu=python,
            postgres_cpu=postgres,
            errors=sample.errors,
        )


def _wrk(load: Load) -> tuple[Sample, int]:
    # A flow with ids in it needs a thread for itself.
    threads = str(load.clients if load.watch else 2)
    command = [
        *("wrk", "-t", threads, "-c", str(load.clients), "-d", f"{load.seconds:.0f}s"),
        *("-s", str(LUA), f"http://127.0.0.1:{load.port}/", str(load.file), threads),
        "watch" if load.watch else "blind",
    ]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    line = next(line for line in output.splitlines() if line.startswith("RESULT"))
    requests, micros, p50, p99, refused, broken = map(int, line.split()[1:])
    sample = Sample(
        rate=requests / micros * 1e6,
        p50=p50 / 1000,
        p99=p99 / 1000,
        errors=refused + broken,
    )
    return sample, requests


def _python(load: Load) -> tuple[Sample, int]:
    """Do wrk's work, slower and on the server's own cores."""
    text = load.file.read_text()
    flows = [block.splitlines() for block in text.split("\n\n") if block]
    took: list[float] = []
    errors: list[int] = []
    end = time.monotonic() + load.seconds
    shares = [flows[place :: load.clients] or flows for place in range(load.clients)]
    threads = [
        threading.Thread(target=_send, args=(load.port, share, end, took, errors))
        for share in shares
    ]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ordered = sorted(took)
    sample = Sample(
        rate=len(took) / (time.monotonic() - begun),
        p50=percentile(ordered, 50) * 1000,
        p99=percentile(ordered, 99) * 1000,
        errors=sum(errors),
    )
    return sample, len(took)


def _send(
    port: int, flows: list[list[str]], end: float, took: list[float], errors: list[int]
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    last_id = ""
    for line in cycle(line for flow in flows for line in flow):
        if time.monotonic() > end:
            break
        method, path, bearer, cookie, key, etag, body = line.split("\t")
        token = bearer.removeprefix("Bearer ")
        request = Request(method, path, token, cookie, key, etag, body)
        begun = time.monotonic()
        connection.request(
            method,
            path.replace("{id}", last_id),
            body=body or None,
            headers=request.headers(),
        )
        response = connection.getresponse()
        reply = response.read()
        took.append(time.monotonic() - begun)
        errors.append(int(response.status >= 400))
        last_id = reply.partition(b'"id":"')[2][:36].decode(errors="ignore") or last_id
    connection.close()
