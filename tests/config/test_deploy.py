"""Images, proxies and manifests: what they name is there, and they agree."""

import re
import shutil
import socket
import subprocess
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.core.management import get_commands

from deploy import health, start
from tests.servers import Answer, Call, LocalServer
from tests.tools import require

ROOT: Path = settings.BASE_DIR
DEPLOY = ROOT / "deploy"
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
# Read by the servers around the shop, not by the shop.
FOREIGN = {"POSTGRES_PASSWORD", "OWNER_PASSWORD", "SHOP_PASSWORD"} | {
    "REDIS_PASSWORD",
    "RABBITMQ_PASSWORD",
}
SETTINGS = {("ConfigMap", "shop"), ("Secret", "shop")}
POD_OWNERS = {"Deployment", "Job"}


def known() -> set[str]:
    """Return the names of everything that can be set."""
    example = (ROOT / ".env.example").read_text()
    return set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE))


def manifests() -> list[dict[str, Any]]:
    return [
        document
        for path in KUBERNETES
        for document in yaml.safe_load_all(path.read_text())
        if document["kind"] != "Kustomization"
    ]


def pods() -> dict[str, dict[str, Any]]:
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in manifests()
        if each["kind"] in POD_OWNERS
    }


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def test_settings_that_are_named_exist() -> None:
    services = compose()["services"].values()
    example = (DEPLOY / "example.env").read_text()
    named = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    named |= {
        name
        for service in services
        if str(service.get("image", "")).startswith("dojang")
        for name in service.get("environment", {})
    }
    for each in manifests():
        if (
            each["kind"] in {"ConfigMap", "Secret"}
            and each["metadata"]["name"] == "shop"
        ):
            named |= set(each.get("data", {})) | set(each.get("stringData", {}))
    for pod in pods().values():
        containers = pod["containers"]
        named |= {one["name"] for box in containers for one in box.get("env", [])}
    dockerfile = (ROOT / "Dockerfile").read_text()
    named |= set(re.findall(r"\b((?:SHOP|MEDIA|STATIC|WEB)_[A-Z_]+)=", dockerfile))

    assert named - FOREIGN - known() == set()


def test_secrets_of_the_compose_file_are_asked_for() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    example = (DEPLOY / "example.env").read_text()

    wanted = set(re.findall(r"\$\{([A-Z_]+):\?\}", text))

    assert wanted == FOREIGN
    assert wanted <= set(re.findall(r"^([A-Z_]+)=$", example, re.MULTILINE))
    # And whatever is secret has no value here.
    secret = re.compile(
        r"^[A-Z_]*(?:PASSWORD|SECRET|KEY|TOKEN)[A-Z_]*=(.+)$", re.MULTILINE
    )
    assert secret.findall(example) == []


def test_commands_that_are_started_exist() -> None:
    lines = [
        service["command"]
        for service in compose()["services"].values()
        if str(service.get("image", "")).startswith("dojang")
    ]
    boxes = chain.from_iterable(pod["containers"] for pod in pods().values())
    lines += [box["args"] for box in boxes if box["image"] == "dojang"]

    assert len(lines) == 11
    for program, *words in lines:
        assert program == "python"
        if words[0] == "-m":
            assert words[1] == "deploy.start"
            assert start.command(words[2], workers=1)
        else:
            assert words[0] == "manage.py"
            assert words[1] in get_commands()


def test_ports_agree() -> None:
    upstreams = (DEPLOY / "nginx/upstreams.conf").read_text()
    dockerfile = (ROOT / "Dockerfile").read_text()
    services = {
        each["metadata"]["name"]: each["spec"]["ports"][0]["port"]
        for each in manifests()
        if each["kind"] == "Service"
    }
    ports = {
        name: {port["containerPort"] for port in pod["containers"][0].get("ports", [])}
        for name, pod in pods().items()
    }

    assert f"server web:{start.WEB_PORT} " in upstreams
    assert f"server live:{start.LIVE_PORT} " in upstreams
    assert f"EXPOSE {start.WEB_PORT} {start.LIVE_PORT}" in dockerfile
    assert services == {"web": start.WEB_PORT, "live": start.LIVE_PORT, "media": 8080}
    assert ports["web"] == {start.WEB_PORT}
    assert ports["live"] == {start.LIVE_PORT}


def test_pods_run_without_rights() -> None:
    for name, pod in pods().items():
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["automountServiceAccountToken"] is False, name
        for box in pod["containers"]:
            assert box["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert box["resources"]["limits"]["memory"], name


def test_selectors_find_their_pods() -> None:
    for each in manifests():
        if each["kind"] == "Deployment":
            labels = each["spec"]["template"]["metadata"]["labels"]
            wanted = each["spec"]["selector"]["matchLabels"]
            assert wanted.items() <= labels.items(), each["metadata"]["name"]
    volumes = {
        claim
        for pod in pods().values()
        for volume in pod["volumes"]
        if (claim := volume.get("persistentVolumeClaim", {}).get("claimName"))
    }
    claims = {
        each["metadata"]["name"]
        for each in manifests()
        if each["kind"] == "PersistentVolumeClaim"
    }
    assert volumes == claims


def test_kustomization_names_every_file_that_is_applied_with_it() -> None:
    text = (DEPLOY / "kubernetes/kustomization.yaml").read_text()
    listed = set(yaml.safe_load(text)["resources"])

    apart = {"kustomization.yaml", "secret.example.yaml", "migrate.yaml"}
    assert listed == {path.name for path in KUBERNETES} - apart


def test_image_takes_every_package_and_no_secret() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    taken = {line[1:] for line in ignored if line.startswith("!")}
    assert ignored[1] == "*"
    assert packages - {"audit", "benchmarks", "contract", "tests"} <= taken
    assert "**/.env*" in ignored
    for name in ("Dockerfile", "deploy/compose.yaml"):
        assert "USER root\n" not in (ROOT / name).read_text().partition("AS tools")[0]


def test_container_knows_whether_its_server_is_alive() -> None:
    class Alive(LocalServer):
        def answer(self, call: Call) -> Answer:
            return Answer(200 if call.path == "/livez" else 404)

    with Alive() as server:
        port = int(server.url.rpartition(":")[2])
        assert health.is_alive(port=port)
        server.fail_next(status=500)
        assert not health.is_alive(port=port)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert not health.is_alive(port=nobody.getsockname()[1])


def test_nginx_understands_its_files(tmp_path: Path) -> None:
    nginx = require("nginx")
    text = (DEPLOY / "nginx/nginx.conf").read_text()
    for name in ("http", "upstreams", "locations"):
        shutil.copy(DEPLOY / f"nginx/{name}.conf", tmp_path)
    upstreams = tmp_path / "upstreams.conf"
    upstreams.write_text(
        re.sub(r"server \w+:", "server 127.0.0.1:", upstreams.read_text())
    )
    key, certificate = tmp_path / "tls.key", tmp_path / "tls.crt"
    made = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "1"]
    made += ["-subj", "/CN=shop.example", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    (tmp_path / "mime.types").write_text("types { text/html html; }")
    for old, new in (
        ("/etc/nginx/mime.types", f"{tmp_path}/mime.types"),
        ("/etc/nginx/shop", str(tmp_path)),
        ("/etc/nginx/tls", str(tmp_path)),
        ("/var/cache/nginx/shop", f"{tmp_path}/cache"),
        ("/tmp/nginx.pid", f"{tmp_path}/nginx.pid"),
    ):
        text = text.replace(old, new)
    conf = tmp_path / "nginx.conf"
    conf.write_text(text)

    tried = subprocess.run(
        [nginx, "-t", "-q", "-e", tmp_path / "errors.log", "-c", conf],
        capture_output=True,
        text=True,
    )

    assert (tried.returncode, tried.stderr) == (0, "")
