"""Whether pages and letters are written as HTML is to be."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from audit.report import AuditError, Finding
from audit.tools import Tools
from notifications import samples
from notifications.kinds import KINDS
from notifications.letters import letter_of

SECONDS = 180


def write_letters(folder: Path) -> list[Path]:
    """Write a letter of each kind in each language into a file."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for kind in KINDS.values():
        for language, _ in settings.LANGUAGES:
            file = folder / f"{kind.name}-{language}.html"
            html = letter_of(samples.message(kind, language)).html
            if html:
                file.write_text(html)
                files.append(file)
    return files


def findings(
    tools: Tools, pages: Sequence[Path], letters: Sequence[Path]
) -> Iterator[Finding]:
    """Let both checkers read everything."""
    for subject, files in (
        (f"{len(pages)} pages", pages),
        (f"{len(letters)} letters", letters),
    ):
        yield _finding("Nu checker", subject, _nu(tools, files))
    yield _finding("html-validate", f"{len(pages)} pages", _html_validate(tools, pages))


def _finding(check: str, subject: str, errors: list[str]) -> Finding:
    return Finding(check, subject, f"{len(errors)} errors", "0", not errors, errors)


def _nu(tools: Tools, files: Sequence[Path]) -> list[str]:
    command = [tools.java, "-Xss4m", "-jar", str(tools.nu), "--errors-only"]
    said = _run([*command, "--format", "json", "--exit-zero-always"], files)
    return [
        f"{Path(fault['url']).name}:{fault.get('lastLine', '?')} {fault['message']}"
        for fault in _json(said.stderr)["messages"]
    ]


def _html_validate(tools: Tools, files: Sequence[Path]) -> list[str]:
    # Lists keep role="list", without which Safari takes unstyled ones for none; boxes
    # and links that post by themselves are buttons and pages without JavaScript.
    # Into a file: it ends before a pipe has taken all that it has to say.
    report = tools.folder / "html-validate.json"
    command = [tools.node, str(tools.html_validate), "--formatter", f"json={report}"]
    command += ["--config", str(tools.folder / "htmlvalidate.json")]
    said = _run(command, files)
    if not report.exists():
        raise AuditError(f"A checker failed:\n{said.stderr[-2000:]}")
    return [
        f"{Path(page['filePath']).name}:{fault['line']} {fault['ruleId']}:"
        f" {fault['message']}"
        for page in _json(report.read_text())
        for fault in page["messages"]
    ]


def _run(
    command: list[str], files: Sequence[Path]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*command, *map(str, files)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _json(said: str) -> Any:
    try:
        return json.loads(said)
    except json.JSONDecodeError as error:
        raise AuditError(f"A checker failed:\n{said[-2000:]}") from error
