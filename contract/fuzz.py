"""The fuzzer: Schemathesis against a running shop, as three kinds of people."""

import re
import sys
from collections.abc import Sequence

from contract.known import settings_of, things_of
from contract.shop import faults, running
from contract.tools import HERE, ContractError, attempt, folder, say
from demo.logins import ADMINISTRATOR, MINJI

ROLES = {"anonymous": None, "shopper": MINJI, "staff": ADMINISTRATOR}
PHASES = "examples,coverage,fuzzing,stateful"


def run(
    *, examples: int, phases: str, role: Sequence[str] | None, only: str | None
) -> None:
    """Try every operation with what it does and does not expect; all checks, all links.

    As nobody, as a shopper and as staff, each with ``examples`` cases an operation.
    """
    with running() as url:
        failed = [
            f"{name} ({phase})"
            for name in role or ROLES
            for phase in phases.split(",")
            if not _passes(url, name, phase, examples, only)
        ]
        if found := faults():
            raise ContractError("The shop's log:\n" + "\n".join(found[:20]))
    if failed:
        raise ContractError(f"as {', '.join(failed)}: see {folder('fuzz')}")


def _passes(url: str, role: str, phase: str, examples: int, only: str | None) -> bool:
    login = ROLES[role]
    config = folder("fuzz") / f"{role}.toml"
    known = things_of(url, login, is_staff=role == "staff")
    config.write_text((HERE / "schemathesis.toml").read_text() + settings_of(known))
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)]
    command += ["run", f"{url}/api/schema", "--phases", phase]
    command += ["--max-examples", str(examples), "--no-color"]
    command += ["--continue-on-failure"]
    if only:
        command += ["--include-operation-id-regex", only]
    environment = {
        "SCHEMATHESIS_HOOKS": "contract.hooks",
        "PYTHONPATH": str(HERE.parent),
        "SHOP_URL": url,
        "SHOP_EMAIL": login.email if login else "",
        "SHOP_PASSWORD": login.password if login else "",
    }
    code, text = attempt(command, environment=environment, cwd=folder("fuzz"))
    (folder("fuzz") / f"{role}-{phase}.txt").write_text(text)
    passed = code == 0
    cases = sum(map(int, re.findall(r"(\d+) generated", text)))
    end = "passed" if passed else "FAILED"
    say(f"as {role}, {phase}: {end}, {cases} cases")
    return passed
