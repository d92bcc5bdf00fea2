"""How many states of pages are shown by tests, as docs promise."""

import ast
from pathlib import Path

STATES = Path(__file__).parent / "states"
LEAST = 90


def state_tests() -> list[str]:
    """Return the names of the tests that put a page into a state."""
    return [
        node.name
        for file in sorted(STATES.glob("test_*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def test_pages_are_seen_in_ninety_states_and_no_two_tests_share_a_name() -> None:
    names = state_tests()

    assert len(names) >= LEAST
    assert len(set(names)) == len(names)
