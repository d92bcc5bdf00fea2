"""``manage.py serve`` as a person at a terminal meets it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import pytest
from django.conf import settings

from demo.logins import sentences
from tests.shop.sockets import open_page

pytestmark = pytest.mark.slow

PATIENCE = 240  # seconds, for a busy machine
SMALL = "--products 30 --orders 40"


@dataclass
class Shop:
    """A running ``manage.py serve``."""

    folder: Path
    process: subprocess.Popen[str]
    address: str = ""
    seen: list[str] = field(default_factory=list)
    _lines: Queue[str] = field(default_factory=Queue)

    def __post_init__(self) -> None:
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def wait_for(self, pattern: str) -> str:
        """Return what the pattern's group finds in the lines from here on."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                self.seen.append(self._lines.get(timeout=0.5))
            except Empty:
                if self.process.poll() is not None:
                    break
                continue
            if match := re.search(pattern, self.seen[-1]):
                return match[match.lastindex or 0]
        pytest.fail(f"never said {pattern!r}:\n" + "\n".join(self.seen))

    def url(self) -> str:
        """Return the shop's address once it answers."""
        self.address = self.address or self.wait_for(r"the shop is at +(http\S+)")
        return self.address

    def children(self) -> dict[str, int]:
        """Return the process ids of the programs it looks after."""
        listing = subprocess.run(
            ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
        ).stdout
        names = {"granian": "web", "--quiet worker": "worker", "--quiet beat": "beat"}
        names |= {"uvicorn": "live", "dataplatform": "platform"}
        return {
            name: int(line.split()[0])
            for line in listing.splitlines()
            for mark, name in names.items()
            if mark in line
        }


def serve(folder: Path, *options: str) -> Shop:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SHOP_STATE_DIR": str(folder),
        "SHOP_PG_UNSAFE": "1",
        "DATA_PLATFORM_URL": "",
    }
    environment.pop("PYTEST_VERSION", None)
    command = [sys.executable, "manage.py", "serve", "--workers", "1", *options]
    process = subprocess.Popen(
        command,
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return Shop(folder, process)


def end(shop: Shop) -> None:
    if shop.process.poll() is None:
        shop.process.kill()
        shop.process.wait()
    subprocess.run(
        [sys.executable, "-m", "config.embedded", "stop"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "SHOP_STATE_DIR": str(shop.folder)},
    )


def is_alive(pid: int) -> bool:
    listing = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True)
    return not listing.stdout.startswith(b"Z") and listing.stdout != b""


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}readyz", timeout=5):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serve")


@pytest.fixture(scope="module")
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


@pytest.fixture(scope="module")
def shop(folder: Path, taken_port: int) -> Iterator[Shop]:
    shop = serve(folder, "--port", str(taken_port), "--seed-args", SMALL)
    yield shop
    end(shop)


# The tests follow one shop from its start to its end.


def test_first_run_ends_with_addresses_and_logins(shop: Shop, taken_port: int) -> None:
    assert shop.wait_for(f"port {taken_port} is taken; using") != ""
    url = shop.url()
    shop.wait_for("Ctrl-C stops it")

    assert url != f"http://127.0.0.1:{taken_port}/"
    assert answers(url)
    said = "\n".join(shop.seen)
    assert f"{url}admin/" in said
    assert "Warning" not in said
    for sentence in sentences():
        assert f"log in as {sentence}" in said
    assert sorted(shop.children()) == ["beat", "live", "platform", "web", "worker"]


def test_killed_web_server_is_back_at_its_port(shop: Shop) -> None:
    url = shop.url()
    before = shop.children()["web"]

    os.kill(before, signal.SIGKILL)

    shop.wait_for(r"web ended \(SIGKILL\); starting it again")
    deadline = time.monotonic() + PATIENCE
    while not answers(url) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert answers(url)
    assert shop.children()["web"] != before


def test_pages_say_where_their_socket_is_and_may_open_it(shop: Shop) -> None:
    with urllib.request.urlopen(shop.url()) as answer:
        policy, page = answer.headers["content-security-policy"], answer.read().decode()

    address = re.search(r'data-live-url="(ws://127\.0\.0\.1:\d+)/ws/"', page)
    assert address is not None
    [sources] = re.findall(r"connect-src ([^;]+)", policy)
    local = address[1].replace("127.0.0.1", "localhost")
    assert sources.split() == ["'self'", address[1], local]
    with open_page(f"{address[1]}/ws/", origin=shop.url().rstrip("/")) as socket:
        assert socket.until_ready() == []


def test_interrupt_ends_everything(shop: Shop) -> None:
    children = shop.children()
    assert len(children) == 5

    shop.process.send_signal(signal.SIGINT)

    shop.wait_for("stopped$")
    assert shop.process.wait(timeout=PATIENCE) == 0
    assert not any(map(is_alive, children.values()))
    assert not (shop.folder / "postgres/postmaster.pid").exists()
    assert not (shop.folder / "run").exists()


def test_murdered_supervisor_leaves_no_orphans(folder: Path) -> None:
    shop = serve(folder)
    try:
        shop.url()
        shop.wait_for("Ctrl-C stops it")
        assert "creating the demo shop" not in "\n".join(shop.seen)
        children = shop.children()
        assert len(children) == 5

        shop.process.kill()

        deadline = time.monotonic() + PATIENCE
        while any(map(is_alive, children.values())) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not any(map(is_alive, children.values()))
    finally:
        end(shop)
