"""The servers around the shop: PostgreSQL twice, PgBouncer, Redis, RabbitMQ, nginx."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from config.embedded import postgres, processes, redis
from deploy.topology.crew import ROOT, Crew, Program, TopologyError

PASSWORD = "only-for-this-rehearsal"  # noqa: S105 — of servers that live for a minute
DEBIAN_RABBIT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
POSTGRES_CONF = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_level = replica
max_wal_senders = 5
max_connections = 120
shared_buffers = 64MB
jit = off
"""
NGINX_CONF = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-errors.log warn;
events {{ worker_connections 256; }}
http {{
    types {{ text/html html; text/css css; application/javascript js; }}
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    include "{nginx}/http.conf";
    access_log {folder}/nginx-access.log shop;
    proxy_cache_path {folder}/nginx-cache keys_zone=shop:1m use_temp_path=off;
    upstream web {{
        server 127.0.0.1:{web_a} max_fails=2 fail_timeout=5s;
        server 127.0.0.1:{web_b} max_fails=2 fail_timeout=5s;
    }}
    upstream live {{ server 127.0.0.1:{live}; }}
    server {{
        listen 127.0.0.1:{front};
        server_name shop.example;
        include "{nginx}/locations.conf";
    }}
}}
"""


@dataclass(frozen=True)
class Cluster:
    """PostgreSQL's programs, as whom they run, and where the data is."""

    programs: Path
    account: processes.Account
    data: Path
    port: int

    def command(self, program: str, *words: str | Path) -> list[str]:
        """Return a command line."""
        return self.account.command(self.programs / program, *words)

    def url(self, role: str, database: str = "shop") -> str:
        """Return the address for a role."""
        return f"postgres://{role}:{PASSWORD}@127.0.0.1:{self.port}/{database}"


def find_cluster(folder: Path, name: str, port: int) -> Cluster:
    """Prepare a folder for a cluster."""
    programs = postgres.programs()
    account = processes.account_for(programs / "postgres", folder / name)
    home = folder / name
    home.mkdir(mode=0o700)
    account.own(home)
    return Cluster(programs, account, home / "data", port)


def start_primary(crew: Crew, cluster: Cluster) -> Program:
    """Make a cluster with the roles of a production, and start it."""
    secret = crew.folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    cluster.account.own(secret)
    crew.run(
        "initdb",
        cluster.command(
            "initdb",
            *("-D", cluster.data, "-U", "postgres", "-A", "scram-sha-256", "-N"),
            *("--pwfile", secret, "-E", "UTF8", "--locale-provider=builtin"),
            *("--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"),
        ),
    )
    with (cluster.data / "postgresql.conf").open("a") as conf:
        conf.write(f"{POSTGRES_CONF}port = {cluster.port}\n")
    primary = crew.start("primary", cluster.command("postgres", "-D", cluster.data))
    crew.wait(lambda: is_ready(crew, cluster), primary)
    psql(crew, cluster, "CREATE DATABASE shop", database="postgres")
    roles = (ROOT / "deploy/postgres/roles.sql").read_text()
    given = [f"\\set {name}_password {PASSWORD}\n" for name in ("owner", "shop")]
    psql(crew, cluster, "".join(given) + roles)
    return primary


def start_replica(crew: Crew, primary: Cluster, replica: Cluster) -> Program:
    """Copy the primary, and follow it from then on."""
    crew.run(
        "pg_basebackup",
        replica.command(
            "pg_basebackup",
            *("-d", primary.url("postgres", "postgres"), "-D", replica.data),
            *("-R", "-X", "stream", "-c", "fast", "-C", "-S", "replica"),
        ),
    )
    with (replica.data / "postgresql.conf").open("a") as conf:
        conf.write(f"port = {replica.port}\n")
    program = crew.start("replica", replica.command("postgres", "-D", replica.data))
    crew.wait(lambda: is_ready(crew, replica), program)
    return program


def is_ready(crew: Crew, cluster: Cluster) -> bool:
    """Tell whether a cluster takes connections."""
    try:
        psql(crew, cluster, "SELECT 1", database="postgres")
    except TopologyError:
        return False
    return True


def psql(crew: Crew, cluster: Cluster, sql: str, *, database: str = "shop") -> str:
    """Run SQL as the superuser; return what it printed."""
    command = [str(cluster.programs / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1"]
    address = cluster.url("postgres", database)
    return crew.run("psql", [*command, "-d", address], feed=sql).strip()


def start_pgbouncer(crew: Crew, cluster: Cluster, port: int) -> Program | None:
    """Start PgBouncer in transaction mode, if it is installed."""
    program = shutil.which("pgbouncer", path=_places())
    if program is None:
        return None
    home = crew.folder / "pgbouncer"
    home.mkdir()
    # It asks PostgreSQL nothing: who may come in, and by which password, stands here.
    (home / "users").write_text(f'"shop" "{PASSWORD}"\n')
    server = f"host=127.0.0.1 port={cluster.port} dbname=shop"
    (home / "pgbouncer.ini").write_text(
        f"[databases]\nshop = {server}\n"
        "[pgbouncer]\nlisten_addr = 127.0.0.1\nunix_socket_dir =\n"
        f"listen_port = {port}\nauth_type = plain\nauth_file = {home}/users\n"
        "pool_mode = transaction\nmax_client_conn = 200\ndefault_pool_size = 10\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )
    for path in (home, home / "users", home / "pgbouncer.ini"):
        cluster.account.own(path)
    command = cluster.account.command(program, home / "pgbouncer.ini")
    bouncer = crew.start("pgbouncer", command)
    crew.await_port(bouncer, port)
    return bouncer


def start_redis(crew: Crew, port: int) -> Program:
    """Start a Redis that keeps nothing."""
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    home = crew.folder / "redis"
    home.mkdir()
    program = crew.start("redis", [redis.program(), *words, "--dir", home])
    crew.await_port(program, port)
    return program


def start_rabbitmq(crew: Crew, port: int, others: list[int]) -> Program | None:
    """Start a RabbitMQ of our own, if it is installed."""
    found = shutil.which("rabbitmq-server", path=_places())
    if found is None:
        return None
    program = DEBIAN_RABBIT if DEBIAN_RABBIT.exists() else Path(found)
    home = crew.folder / "rabbitmq"
    home.mkdir()
    (home / "plugins").write_text("[].")
    (home / "rabbitmq.conf").write_text(
        "vm_memory_high_watermark.absolute = 400MB\n"
        "disk_free_limit.absolute = 50MB\nlog.console = false\n"
    )
    distribution, names = others
    environment = {
        "HOME": str(home),
        "RABBITMQ_NODENAME": f"rehearsal{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none"
        ),
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RUNNING_UNDER_SYSTEMD": "true",
    }
    # It would start one itself, which then outlives it.
    crew.start("epmd", ["epmd", "-port", str(names), "-address", "127.0.0.1"])
    rabbit = crew.start("rabbitmq", [program], **environment)
    crew.await_port(rabbit, port, seconds=120)
    return rabbit


def start_nginx(crew: Crew, **ports: int) -> Program | None:
    """Start nginx with the rules of production, if it is installed."""
    program = shutil.which("nginx", path=_places())
    if program is None:
        return None
    conf = crew.folder / "nginx.conf"
    nginx = ROOT / "deploy/nginx"
    conf.write_text(NGINX_CONF.format(folder=crew.folder, nginx=nginx, **ports))
    front = crew.start(
        "nginx", [program, "-e", crew.folder / "nginx-errors.log", "-c", conf]
    )
    crew.await_port(front, ports["front"])
    return front


def _places() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"
