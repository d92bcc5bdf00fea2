"""The fuzzer: Schemathesis against a running shop, as three kinds of people."""

import re
from collections.abc import Sequence

from contract.shop import faults, running
from contract.tools import HERE, ContractError, attempt, folder, python_of, say
from demo.logins import ADMINISTRATOR, MINJI

ROLES = {"anonymous": None, "shopper": MINJI, "staff": ADMINISTRATOR}
CHECKS = ["--checks", "all", "--phases"]
PHASES = "examples,coverage,fuzzing,stateful"


def run(
    *, examples: int, phases: str, role: Sequence[str] | None, only: str | None
) -> None:
    """Try every operation with what it does and does not expect; all checks, all links.

    As nobody, as a shopper and as staff, each with ``examples`` cases an operation.
    """
    python = python_of("fuzz")
    with running() as url:
        failed = [
            name
            for name in role or ROLES
            if not _passes(str(python), url, name, examples, phases, only)
        ]
        if found := faults():
            raise ContractError("The shop's log:\n" + "\n".join(found[:20]))
    if failed:
        raise ContractError(f"as {', '.join(failed)}: see {folder('fuzz')}")


def _passes(
    python: str, url: str, role: str, examples: int, phases: str, only: str | None
) -> bool:
    login = ROLES[role]
    command = [python, "-m", "schemathesis.cli"]
    command += ["--config-file", str(HERE / "schemathesis.toml")]
    command += ["run", f"{url}/api/schema", *CHECKS, phases]
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
    (folder("fuzz") / f"{role}.txt").write_text(text)
    passed = code == 0
    cases = re.findall(r"(\d+) generated", text)
    say(f"as {role}: {'passed' if passed else 'FAILED'}, {sum(map(int, cases))} cases")
    return passed
