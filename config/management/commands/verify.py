"""Checks that the books are right: ``manage.py verify``."""

import json
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from common.invariants import Finding, check, snapshot
from config.invariants import INVARIANTS


class Command(BaseCommand):
    """Checks every invariant in one snapshot; exits 1 on violations, repairs none."""

    help = (
        "Check that points, stock, coupons, orders, payments and sales agree, as of one"
        " instant. May run beside the shop; repairs nothing. Exit codes: 0 the books"
        " are right, 1 an invariant is broken, 2 bad use."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.add_argument(
            "--fail-fast", action="store_true", help="stop at the first violation"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        findings = []
        with snapshot():
            for invariant in INVARIANTS:
                self._announce(f"{invariant.id:<5} {invariant.title} …")
                findings.append(check(invariant))
                self._announce("")
                if not options["json"]:
                    self._report(findings[-1])
                if options["fail_fast"] and not findings[-1].is_clean:
                    break
        if options["json"]:
            self.stdout.write(_as_json(findings))
        else:
            self._conclude(findings, time.monotonic() - started)
        if not all(finding.is_clean for finding in findings):
            sys.exit(1)

    def _announce(self, line: str) -> None:
        """Show what is being checked, where somebody is watching."""
        if self.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{line}", ending="")
            self.stderr.flush()

    def _report(self, finding: Finding) -> None:
        verdict = (
            self.style.SUCCESS("ok")
            if finding.is_clean
            else self.style.ERROR(_violations(finding.count))
        )
        self.stdout.write(
            f"{finding.invariant.id:<5} {finding.invariant.title}: {verdict}"
        )
        if finding.is_clean:
            return
        for key, text in finding.examples:
            self.stdout.write(f"        {key}: {text}")
        if finding.count > len(finding.examples):
            self.stdout.write(
                f"        … and {finding.count - len(finding.examples)} more"
            )
        self.stdout.write(f"      → {finding.invariant.hint}")

    def _conclude(self, findings: list[Finding], seconds: float) -> None:
        broken = [finding for finding in findings if not finding.is_clean]
        if broken:
            ids = ", ".join(finding.invariant.id for finding in broken)
            total = sum(finding.count for finding in broken)
            self.stdout.write(self.style.ERROR(f"{_violations(total)}: {ids}"))
            return
        self.stdout.write(
            self.style.SUCCESS(
                f"The books are right: {len(findings)} invariants in {seconds:.1f} s."
            )
        )


def _violations(count: int) -> str:
    return "1 violation" if count == 1 else f"{count} violations"


def _as_json(findings: list[Finding]) -> str:
    return json.dumps(
        {
            "ok": all(finding.is_clean for finding in findings),
            "invariants": [
                {
                    "id": finding.invariant.id,
                    "title": finding.invariant.title,
                    "violations": finding.count,
                    "examples": [
                        {"key": key, "text": text} for key, text in finding.examples
                    ],
                    "hint": finding.invariant.hint,
                }
                for finding in findings
            ],
        },
        indent=2,
        ensure_ascii=False,
    )
