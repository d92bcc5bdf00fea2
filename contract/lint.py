"""The linters: Spectral and Redocly over the committed descriptions."""

from django.conf import settings

from contract.tools import HERE, call, node_modules, say

DOCS = settings.BASE_DIR / "docs"
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


def run() -> None:
    """Lint docs/openapi.yaml and docs/asyncapi.yaml; not one problem is let through."""
    programs = node_modules() / ".bin"
    spectral = [str(programs / "spectral"), "lint", "--fail-severity", "hint"]
    rules = ["--ruleset", str(HERE / "spectral.yaml")]
    for name in ("openapi.yaml", "asyncapi.yaml"):
        call([*spectral, *rules, str(DOCS / name)])
        say(f"Spectral: no problem in docs/{name}")
    redocly = [str(programs / "redocly"), "lint", str(DOCS / "openapi.yaml")]
    call([*redocly, "--config", str(HERE / "redocly.yaml")], environment=QUIET)
    say("Redocly, recommended-strict: no problem in docs/openapi.yaml")
