"""Clients in four languages, made from the description; two of them buy something."""

import re
import shutil
from pathlib import Path

from django.conf import settings

from contract.shop import running
from contract.tools import (
    HERE,
    ContractError,
    call,
    folder,
    need_java,
    node_modules,
    python_of,
    say,
)

DESCRIPTION = settings.BASE_DIR / "docs" / "openapi.yaml"
JOURNEY = HERE / "journey"
TSCONFIG = """\
{"compilerOptions": {"strict": true, "noUncheckedIndexedAccess": true,
 "exactOptionalPropertyTypes": true, "target": "es2022", "module": "nodenext",
 "lib": ["es2022", "dom"], "types": []}, "files": ["journey.ts"]}
"""
# Free by their nature: the data of an event, a JSON Schema, the options of a product.
# Headers and problems may have more members than are named; those do not count.
FREE_IN_TYPESCRIPT = re.compile(r"(?<!string\]: )\bunknown\b|Record<string, never>")
MOST_FREE = 6


def run() -> None:
    """Make clients in four languages; compile two of them and let them buy something.

    They register, sign in, charge points, claim a coupon, order with it and pay, as the
    README does by curl, at a shop that is started for it.
    """
    python = python_of("clients")
    typescript, library = _typescript(), _python(python)
    _others(python)
    with running() as url:
        for name, command, cwd in (
            ("TypeScript", ["node", "journey.js", url], typescript),
            ("Python", [str(python), "journey.py", url], library),
        ):
            said = call(command, cwd=cwd).strip().splitlines()
            say(f"{name}: {said[-1]}")


def _typescript() -> Path:
    """Make the types, and compile the journey against them as strictly as can be."""
    home = folder("typescript")
    programs = node_modules() / ".bin"
    (home / "node_modules").unlink(missing_ok=True)
    (home / "node_modules").symlink_to(node_modules())
    shutil.copy(JOURNEY / "journey.ts", home)
    (home / "package.json").write_text('{"type": "module"}')
    (home / "tsconfig.json").write_text(TSCONFIG)
    call(
        [f"{programs}/openapi-typescript", str(DESCRIPTION), "-o", "schema.d.ts"],
        cwd=home,
    )
    call([f"{programs}/tsc", "--project", "tsconfig.json"], cwd=home)
    free = FREE_IN_TYPESCRIPT.findall((home / "schema.d.ts").read_text())
    if len(free) > MOST_FREE:
        raise ContractError(f"{len(free)} types in TypeScript say nothing")
    say(f"TypeScript: compiled strictly, {len(free)} types are free")
    return home


def _python(python: Path) -> Path:
    """Make the library, and check the journey's types against it."""
    home = folder("python")
    shutil.rmtree(home / "dojang", ignore_errors=True)
    (home / "config.yaml").write_text("package_name_override: dojang\n")
    shutil.copy(JOURNEY / "journey.py", home)
    # Of the generator's own code only the types count here.
    (home / "mypy.ini").write_text(
        "[mypy]\nstrict = true\n[mypy-dojang.*]\nignore_errors = true\n"
    )
    programs = {"PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin"}
    said = call(
        [
            *(str(python.parent / "openapi-python-client"), "generate"),
            *("--path", str(DESCRIPTION), "--config", "config.yaml"),
            *("--meta", "none", "--output-path", "dojang", "--overwrite"),
            "--fail-on-warning",
        ],
        cwd=home,
        environment=programs,
    )
    call([str(python), "-m", "compileall", "-q", "dojang"], cwd=home)
    call([str(python), "-m", "mypy", "--cache-dir", ".mypy", "journey.py"], cwd=home)
    files = len(list((home / "dojang").rglob("*.py")))
    say(f"Python: {files} files compiled and checked by mypy {said.strip()[-40:]!r}")
    return home


def _others(python: Path) -> None:
    """Make libraries for phones; there is nothing here that could compile them."""
    need_java()
    for language, suffix in (("kotlin", "kt"), ("swift6", "swift")):
        home = folder(language)
        shutil.rmtree(home)
        call(
            [
                *(str(python.parent / "openapi-generator-cli"), "generate"),
                *("-i", str(DESCRIPTION), "-g", language, "-o", str(home)),
            ]
        )
        files = len(list(home.rglob(f"*.{suffix}")))
        if not files:
            raise ContractError(f"no file of {language} was made")
        say(f"{language}: {files} files generated, not compiled")
