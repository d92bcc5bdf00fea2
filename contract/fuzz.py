"""The fuzzer: Schemathesis against a running shop, as three kinds of people."""

import re
from collections.abc import Sequence

from contract.shop import faults, running
from contract.tools import HERE, ContractError, call, folder, python_of, say
from demo.logins import ADMINISTRATOR, MINJI

ROLES = {"anonymous": None, "shopper": MINJI, "staff": ADMINISTRATOR}
CHECKS = ["--checks", "all", "--phases", "examples,coverage,fuzzing,stateful"]


def run(
    *, examples: int, seed: int, role: Sequence[str] | None, only: str | None
) -> None:
    """Try every operation with what it does and does not expect; all checks, all links.

    As nobody, as a shopper and as staff, each with ``examples`` cases an operation.
    """
    python = python_of("fuzz")
    with running() as url:
        failed = [
            name
            for name in role or ROLES
            if not _passes(str(python), url, name, examples, seed, only)
        ]
        if found := faults():
            raise ContractError("The shop's log:\n" + "\n".join(found[:20]))
    if failed:
        raise ContractError(f"as {', '.join(failed)}: see {folder('fuzz')}")


def _passes(
    python: str, url: str, role: str, examples: int, seed: int, only: str | None
) -> bool:
    login = ROLES[role]
    command = [python, "-m", "schemathesis.cli"]
    command += ["--config-file", str(HERE / "schemathesis.toml")]
    command += ["run", f"{url}/api/schema", *CHECKS, "--seed", str(seed)]
    command += ["--max-examples", str(examples), "--continue-on-failure", "--no-color"]
    if only:
        command += ["--include-operation-id-regex", only]
    environment = {
        "SCHEMATHESIS_HOOKS": "contract.hooks",
        "PYTHONPATH": str(HERE.parent),
        "SHOP_URL": url,
        "SHOP_EMAIL": login.email if login else "",
        "SHOP_PASSWORD": login.password if login else "",
    }
    report = folder("fuzz") / f"{role}.txt"
    try:
        text, passed = call(command, environment=environment, cwd=folder("fuzz")), True
    except ContractError as error:
        text, passed = str(error), False
    report.write_text(text)
    cases = re.findall(r"(\d+) generated", text)
    say(f"as {role}: {'passed' if passed else 'FAILED'}, {sum(map(int, cases))} cases")
    return passed
