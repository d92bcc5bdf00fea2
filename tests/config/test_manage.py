"""Which commands start the embedded servers."""

from pathlib import Path

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


def test_setting_that_cannot_be_read_is_a_diagnosis(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreadable(_arguments: list[str]) -> None:
        raise ValueError("invalid literal for int(): 'many'")

    monkeypatch.setattr("django.core.management.execute_from_command_line", unreadable)
    monkeypatch.setattr("sys.argv", ["manage.py", "doctor"])

    with pytest.raises(SystemExit) as end:
        manage.main()

    assert "✘ Settings: ValueError: invalid literal for int(): 'many'" in str(end.value)
    monkeypatch.setattr("sys.argv", ["manage.py", "check"])
    with pytest.raises(ValueError, match="many"):
        manage.main()


def test_diagnosis_names_the_line_of_the_settings() -> None:
    place = Path(manage.__file__).parent / "config" / "x.py"

    with pytest.raises(ValueError, match="many") as unreadable:
        exec(compile("int('many')", str(place), "exec"))  # noqa: S102 — in no file

    assert "at x.py: " in manage.diagnosis(unreadable.value)


@pytest.mark.parametrize("command", ["doctor", "doctor --json"])
def test_doctor_starts_nothing(command: str) -> None:
    assert manage.needs_servers(command.split()) is False
