"""Rehearses the shop on several machines; see the package."""

import secrets
import shutil
import signal
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.receiver import DataPlatform
from deploy.start import command
from deploy.topology import journey, servers
from deploy.topology.crew import Crew, Program, TopologyError, free_ports, say
from deploy.topology.post import post_office
from deploy.topology.servers import Cluster

HOST = "shop.example"
NO_ROOT_WARNING = "ignore:You're running the worker with superuser privileges"
PYTHON = [sys.executable, "-W", NO_ROOT_WARNING, "-m"]
MISSING = "  SKIPPED: {0} is not installed. Mend it: apt-get install {1}"


@dataclass
class Stage:
    """What is running, and where it answers."""

    crew: Crew
    primary: Cluster
    replica: Cluster
    front: int
    webs: list[Program]
    has_nginx: bool


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say how long something took."""
    started = time.monotonic()
    yield
    say(f"  {what:<58} {time.monotonic() - started:6.2f} s")


def environment(folder: Path, platform: DataPlatform, secret: str) -> dict[str, str]:
    """Return the settings of a production, but for its servers."""
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SHOP_ENV": "production",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "JWT_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": HOST,
        "SHOP_BASE_URL": f"https://{HOST}",
        "BEHIND_TLS_PROXY": "on",
        "TRUSTED_PROXIES": "1",
        "SHOP_STATE_DIR": str(folder / "state"),
        "DATA_PLATFORM_URL": platform.url,
        "DATA_PLATFORM_SECRET": secret,
        "PYTHONUNBUFFERED": "1",
    }


def start_servers(crew: Crew, settings: dict[str, str]) -> tuple[Cluster, Cluster]:
    """Start what the shop needs, and say in its settings where it is."""
    ports = free_ports(7)
    primary = servers.find_cluster(crew.folder, "primary", ports[0])
    replica = servers.find_cluster(crew.folder, "replica", ports[1])
    with timed("PostgreSQL: a primary with two roles"):
        servers.start_primary(crew, primary)
    with timed("PostgreSQL: a streaming replica of it"):
        servers.start_replica(crew, primary, replica)
    settings["DATABASE_URL"] = primary.url("shop")
    settings["DATABASE_REPLICA_URL"] = replica.url("shop")
    with timed("PgBouncer in transaction mode"):
        if servers.start_pgbouncer(crew, primary, ports[2]):
            address = primary.url("shop").replace(f":{primary.port}/", f":{ports[2]}/")
            settings |= {"DATABASE_URL": address, "PGBOUNCER": "on"}
        else:
            say(MISSING.format("PgBouncer", "pgbouncer"))
    with timed("Redis"):
        servers.start_redis(crew, ports[3])
        settings["REDIS_URL"] = f"redis://127.0.0.1:{ports[3]}/0"
    with timed("RabbitMQ"):
        if servers.start_rabbitmq(crew, ports[4], ports[5:7]):
            broker = f"amqp://guest:guest@127.0.0.1:{ports[4]}//"
        else:
            say(MISSING.format("RabbitMQ", "rabbitmq-server") + " (Redis stands in)")
            broker = f"redis://127.0.0.1:{ports[3]}/1"
        settings["CELERY_BROKER_URL"] = broker
    return primary, replica


def manage(*words: str) -> list[str]:
    """Return the command line of one of our commands."""
    return [sys.executable, "manage.py", *words]


def line(name: str, port: int | None = None) -> list[str]:
    """Return the command line by which a container starts a process."""
    return [*PYTHON, *command(name, workers=1, host="127.0.0.1", port=port)]


def start_shop(crew: Crew) -> tuple[list[Program], int, bool]:
    """Start the shop's processes and its front; return web, the port, and if nginx."""
    web_a, web_b, live, front = free_ports(4)
    webs = []
    with timed("two web processes, the sockets, two workers, the clock"):
        for name, port in (("web-a", web_a), ("web-b", web_b)):
            webs.append(crew.start(name, line("web", port), SHOP_PROCESS="web"))
        crew.start("live", line("live", live), SHOP_PROCESS="live")
        for number in (1, 2):
            name = f"worker-{number}"
            own = ["--hostname", f"{name}@%h"]
            crew.start(name, [*line("worker"), *own], SHOP_PROCESS="worker")
        crew.start("beat", line("beat"), SHOP_PROCESS="beat")
        for program, port in zip(webs, (web_a, web_b), strict=True):
            crew.await_port(program, port)
    with timed("nginx in front of them"):
        ports = {"front": front, "web_a": web_a, "web_b": web_b, "live": live}
        if servers.start_nginx(crew, **ports):
            return webs, front, True
        say(MISSING.format("nginx", "nginx"))
    return webs, web_b, False


def rehearse(folder: Path) -> None:
    """Start everything, buy something, and break something."""
    secret = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
    with (
        DataPlatform(secret=secret, path=folder / "events.sqlite3") as platform,
        post_office() as letters,
    ):
        settings = environment(folder, platform, secret)
        settings |= {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(letters)}
        crew = Crew(folder, settings)
        try:
            say("Servers")
            primary, replica = start_servers(crew, settings)
            owner = {"DATABASE_URL": primary.url("shop_owner"), "PGBOUNCER": "off"}
            say("Shop")
            with timed("migrations, as the role that owns the tables"):
                crew.run("migrate", manage("migrate"), **owner)
            shelves = [sys.executable, "-m", "deploy.topology.shelves"]
            product = int(crew.run("shelves", shelves))
            webs, front, has_nginx = start_shop(crew)
            stage = Stage(crew, primary, replica, front, webs, has_nginx)
            say("Purchase")
            try:
                act(stage, platform, product)
            except TopologyError as error:
                tails = (f"{each.name}\n{each.tail()}" for each in crew.programs)
                raise TopologyError("\n".join([str(error), *tails])) from None
            say("Books")
            with timed("manage.py verify: every invariant holds"):
                crew.run("verify", manage("verify"))
        finally:
            crew.end()


def act(stage: Stage, platform: DataPlatform, product: int) -> None:
    """Buy, look at the replica, kill a web process, and buy again."""
    with timed("a stranger registers, charges points, orders and pays"):
        shopper = journey.Shopper(stage.front, HOST)
        shopper.register()
        first = shopper.buy(product)
    with timed("the paid order is at the data platform"):
        await_events(platform, {first})
    replica = read_by_replica(stage)
    with timed("reads of the catalogue come from the replica"):
        for _ in range(20):
            shopper.look()
        until(lambda: read_by_replica(stage) > replica, "the replica is read from")
    say(f"    read there: {read_by_replica(stage) - replica} times; {lag(stage)}")
    if stage.has_nginx:
        killed = stage.webs[0]
        killed.kill()
        with timed(f"{killed.name} is killed; the next request is answered"):
            shopper.look()
    with timed("another purchase, by what is left"):
        second = shopper.buy(product)
        await_events(platform, {first, second})


def await_events(platform: DataPlatform, orders: set[str]) -> None:
    """Wait until the platform knows of these orders, each once."""

    def known() -> list[Any]:
        return [event["data"]["order_id"] for event in platform.events()]

    until(lambda: set(known()) == orders, "the events arrive")
    if len(known()) != len(orders):
        raise TopologyError(f"events came more than once: {known()}")


def read_by_replica(stage: Stage) -> int:
    """Return how often the replica has looked into the products."""
    sql = (
        "SELECT coalesce(sum(seq_scan + idx_scan), 0) FROM pg_stat_user_tables"
        " WHERE relname = 'catalog_product'"
    )
    return int(servers.psql(stage.crew, stage.replica, sql))


def lag(stage: Stage) -> str:
    """Say how far behind the replica is."""
    sql = (
        "SELECT state || ', ' || coalesce(extract(epoch FROM replay_lag) * 1000, 0)"
        " || ' ms behind, ' || pg_current_wal_lsn() - replay_lsn || ' bytes'"
        " FROM pg_stat_replication"
    )
    return servers.psql(stage.crew, stage.primary, sql)


def until(condition: Callable[[], bool], what: str, *, seconds: float = 40) -> None:
    """Wait for a condition."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            raise TopologyError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.1)


def main() -> None:
    """Rehearse in a folder that is gone afterwards; end with 0 if all went well."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="dojang-"))
    folder.chmod(0o755)
    started = time.monotonic()
    try:
        rehearse(folder)
    except TopologyError as error:
        sys.exit(f"error: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say(f"All of it took {time.monotonic() - started:.1f} s; nothing is left behind.")


if __name__ == "__main__":
    main()
