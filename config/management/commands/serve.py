"""``manage.py serve``: the whole shop on one machine, under one Ctrl-C."""

import fcntl
import os
import shlex
import socket
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from catalog.models import Product
from config import embedded
from config.supervisor import Program, Supervisor
from demo.logins import sentences

PORTS_TO_TRY = 50
RECEIVER_PORT = 8100
ANSWER_TIMEOUT = 2  # seconds
LONGEST_MESSAGE = 4096  # bytes, from a browser
ANYWHERE = {"0.0.0.0", "::"}  # noqa: S104 — only where the option asks for it
# In a container everybody is root; and tasks are JSON, which runs nothing.
NO_ROOT_WARNING = "ignore:You're running the worker with superuser privileges"


class Command(BaseCommand):
    """Prepares the data, then runs the shop and the demo's data platform."""

    help = "Run the whole shop: servers, demo data, web, live, worker and beat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
        parser.add_argument("--no-demo", action="store_true", help="no demo data")
        parser.add_argument("--seed-args", default="", help="options for seed_demo")

    def handle(
        self,
        *,
        host: str,
        port: int,
        workers: int,
        no_demo: bool,
        seed_args: str,
        **_options: Any,
    ) -> None:
        """Run until Ctrl-C."""
        self._started = time.monotonic()
        try:
            with servers():
                self._prepare(None if no_demo else shlex.split(seed_args))
                succeeded = self._run(host, self._free_port(host, port), workers)
        except KeyboardInterrupt:
            succeeded = True
        if not succeeded:
            raise CommandError("A part of the shop does not stay up; see above.")
        self._say("stopped")

    def _prepare(self, seed_args: list[str] | None) -> None:
        self._say("PostgreSQL and Redis are running")
        self._migrate()
        if seed_args is not None and not settings.PRODUCTION:
            self._seed(seed_args)
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        connection.close()

    def _run(self, host: str, port: int, workers: int) -> bool:
        live_port = free_port(host, port + 1)
        programs = [*self._receiver(), *shop(host, port, live_port, workers)]
        doorbell = Doorbell(host, port)
        supervisor = Supervisor(programs, say=self._say)
        return supervisor.run(poll=lambda: self._announce(doorbell))

    def _say(self, message: str) -> None:
        elapsed = time.monotonic() - self._started
        self.stdout.write(f"[{elapsed:5.1f} s] {message}")
        self.stdout.flush()

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            self._say(f"applying {len(plan)} migrations …")
            call_command("migrate", verbosity=0, interactive=False)
        self._say("the database is up to date")

    def _seed(self, arguments: list[str]) -> None:
        # Lies there from the first moment of filling the shop to the last.
        unfinished = settings.STATE_DIR / "demo-unfinished"
        if unfinished.exists() and not os.environ.get("DATABASE_URL"):
            arguments = [*arguments, "--flush"]
        elif Product.objects.exists():
            self._say("the demo data is loaded")
            return
        self._say("creating the demo shop (once) …")
        unfinished.touch()
        call_command("seed_demo", *arguments)
        unfinished.unlink()
        self._say("the demo data is loaded")

    def _free_port(self, host: str, wanted: int) -> int:
        port = free_port(host, wanted)
        if port != wanted:
            self._say(f"port {wanted} is taken; using {port}")
        return port

    def _receiver(self) -> list[Program]:
        """Return the demo's data platform, unless settings name a real one."""
        if settings.DATA_PLATFORM_URL:
            return []
        port = free_port("127.0.0.1", RECEIVER_PORT)
        os.environ["DATA_PLATFORM_URL"] = f"http://127.0.0.1:{port}/"
        return [Program("platform", [*manage("dataplatform"), "--port", str(port)], {})]

    def _announce(self, doorbell: "Doorbell") -> None:
        if not doorbell.answered_now():
            return
        url = doorbell.url
        self._say(f"the shop is at   {url}")
        self._say(f"the admin is at  {url}{settings.ADMIN_PATH}/")
        self._say(f"the API is at    {url}api/docs")
        if platform := os.environ.get("DATA_PLATFORM_URL"):
            self._say(f"paid orders go to {platform}")
        for sentence in sentences():
            self._say(f"log in as {sentence}")
        self._say("Ctrl-C stops it")


class Doorbell:
    """Rings until the shop answers for the first time."""

    def __init__(self, host: str, port: int) -> None:
        self.url = f"http://{'127.0.0.1' if host in ANYWHERE else host}:{port}/"
        self._answered = False

    def answered_now(self) -> bool:
        """Say whether this is the moment the shop began to answer."""
        if self._answered:
            return False
        try:
            with urllib.request.urlopen(f"{self.url}livez", timeout=ANSWER_TIMEOUT):  # noqa: S310 — our own http URL
                self._answered = True
        except (OSError, urllib.error.URLError):
            return False
        return True


@contextmanager
def servers() -> Iterator[None]:
    """Keep the embedded servers running; the last to leave stops them."""
    embedded.ensure()
    folder = embedded.state_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "serve.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            yield
        finally:
            connection.close()
            if is_alone(lock.fileno()):
                embedded.stop()


def is_alone(lock: int) -> bool:
    """Say whether nobody else holds the lock."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def free_port(host: str, wanted: int) -> int:
    """Return the first port from ``wanted`` on that nobody listens at."""
    for port in range(wanted, wanted + PORTS_TO_TRY):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
        return port
    raise CommandError(
        f"None of the ports from {wanted} to {wanted + PORTS_TO_TRY - 1} is free."
    )


def manage(command: str) -> list[str]:
    """Return the command line of one of our commands."""
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), command]


def shop(host: str, port: int, live_port: int, workers: int) -> list[Program]:
    """Return the processes of the shop itself."""
    environment = surroundings(host, port, live_port)
    web = ["granian", "--interface", "wsgi", "config.wsgi:application"]
    web += ["--host", host, "--port", str(port), "--workers", str(workers)]
    web += ["--blocking-threads", "2", "--respawn-failed-workers"]
    web += ["--workers-kill-timeout", "10", "--no-ws", "--log-level", "warning"]
    celery = ["celery", "--app", "config", "--quiet"]
    worker = [*celery, "worker", "--loglevel", "warning"]
    worker += ["--concurrency", str(workers), "--without-gossip", "--without-mingle"]
    beat = [*celery, "beat", "--loglevel", "warning", "--pidfile", ""]
    python = [sys.executable, "-W", NO_ROOT_WARNING, "-m"]
    products = [Program("products", manage("consume_products"), environment)]
    return [
        *(products if settings.RABBITMQ_URL else []),
        Program("web", [*python, *web], {**environment, "SHOP_PROCESS": "web"}),
        Program(
            "live",
            [*python, *live_server(host, live_port)],
            {**environment, "SHOP_PROCESS": "live"},
        ),
        Program(
            "worker", [*python, *worker], {**environment, "SHOP_PROCESS": "worker"}
        ),
        Program("beat", [*python, *beat], {**environment, "SHOP_PROCESS": "beat"}),
    ]


def live_server(host: str, port: int) -> list[str]:
    """Return the command line of the server of WebSockets, as a module of Python."""
    command = [
        "uvicorn",
        "config.asgi:application",
        "--host",
        host,
        "--port",
        str(port),
    ]
    command += ["--ws", "websockets-sansio", "--ws-max-size", str(LONGEST_MESSAGE)]
    command += ["--ws-per-message-deflate", "false", "--lifespan", "off"]
    command += ["--no-access-log", "--no-server-header", "--log-level", "warning"]
    # Sockets never end by themselves.
    return [*command, "--timeout-graceful-shutdown", "3"]


def surroundings(host: str, port: int, live_port: int) -> dict[str, str]:
    """Return what the processes need to know about each other."""
    environment = {}
    if not os.environ.get("SHOP_BASE_URL"):
        environment["SHOP_BASE_URL"] = Doorbell(host, port).url.rstrip("/")
    if settings.PRODUCTION:
        return environment
    if host in ANYWHERE:
        environment["ALLOWED_HOSTS"] = os.environ.get("ALLOWED_HOSTS", "*")
    if not settings.LIVE_URL:
        # Without a proxy the socket has a port of its own.
        name = "*" if host in ANYWHERE else host
        environment["LIVE_URL"] = f"ws://{name}:{live_port}/ws/"
    return environment
