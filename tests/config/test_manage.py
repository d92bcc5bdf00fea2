"""Which commands start the embedded servers."""

import pytest

import manage


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        ("", False),
        ("help", False),
        ("--help", False),
        ("--version", False),
        ("migrate --help", False),
        ("check", False),
        ("check --deploy", False),
        ("check --database default", True),
        ("makemigrations --check --dry-run", False),
        ("makemigrations", True),
        ("migrate", True),
        ("serve --port 9000", True),
        ("shell", True),
    ],
)
def test_servers_are_started_where_a_command_connects(
    line: str, *, needed: bool
) -> None:
    assert manage.needs_servers(line.split()) is needed
