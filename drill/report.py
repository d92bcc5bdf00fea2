"""What a drill shows: a line per race as it ends, for people, or JSON at the end."""

import json
import threading
import time
from types import TracebackType
from typing import Any, Self, TextIO

from django.core.management.base import OutputWrapper
from django.core.management.color import Style

from drill.database import Server

COLUMNS = f"  {'race':<16}{'attempts':>9}{'winners':>9}{'expected':>10}"
COLUMNS += f"{'p50':>10}{'p99':>10}  verdict"
RULE = "  " + "─" * (len(COLUMNS) + 1)
LONGEST = 300  # characters of a complaint
TICK = 0.2  # seconds
SECOND = 1_000  # milliseconds


class Report:
    """Tells of a drill while it goes on, and remembers how it went."""

    def __init__(
        self, out: OutputWrapper, err: TextIO, style: Style, *, is_json: bool
    ) -> None:
        self._out = out
        self._style = style
        self._is_json = is_json
        self._ticker = Ticker(err)
        self._races: list[dict[str, Any]] = []
        self._wanted = 0
        self._facts: dict[str, Any] = {}
        self._verify: dict[str, Any] = {}
        self._status: int | None = None
        self._started = time.monotonic()

    @property
    def is_good(self) -> bool:
        """Tell whether every race ended as it must, and the books are right."""
        is_whole = len(self._races) == self._wanted and self._status == 0
        return (
            is_whole
            and all(race["ok"] for race in self._races)
            and bool(self._verify.get("ok"))
        )

    def begin(self, name: str, server: Server, *, attempts: int, races: int) -> None:
        """Say where the races will run."""
        self._wanted = races
        self._facts = {
            "database": name,
            "postgresql": server.version,
            "cores": server.cores,
            "attempts": attempts,
        }
        self._say(f"A drill on {name}, made for it alone.")
        self._say(
            f"PostgreSQL {server.version}, {server.cores} cores,"
            f" up to {attempts} at the same moment."
        )
        self._ticker.start("preparing the database")

    def take(self, event: dict[str, Any]) -> None:
        """Tell of what the engine has said."""
        self._ticker.stop()
        if "ready" in event:
            self._say(f"\n{COLUMNS}\n{RULE}")
        elif "started" in event:
            place = len(self._races) + 1
            self._ticker.start(f"{place} of {self._wanted}: {event['started']}")
        elif "race" in event:
            self._races.append(event["race"])
            self._show_race(event["race"])
        elif "verify" in event:
            self._verify = event["verify"]
            self._show_verify()

    def end(self, status: int | None) -> None:
        """Note how the engine ended."""
        self._ticker.stop()
        self._status = status

    def stop(self) -> None:
        """Show no progress any more."""
        self._ticker.stop()

    def conclude(self, name: str, *, is_kept: bool) -> None:
        """Sum it all up."""
        if self._is_json:
            self._out.write(json.dumps(self._as_json(is_kept=is_kept), indent=2))
            return
        good = sum(race["ok"] for race in self._races)
        seconds = time.monotonic() - self._started
        text = f"{good} of {self._wanted} races ended as they must, in {seconds:.0f} s."
        self._say(self._style.SUCCESS(text) if self.is_good else self._bad(text))
        if self._status != 0:
            self._say(self._bad(f"They broke off (exit status {self._status})."))
        if is_kept:
            self._say(f"{name} is kept; manage.py drill --clean drops it.")
        else:
            self._say("The database is gone again.")

    def _show_race(self, race: dict[str, Any]) -> None:
        fewest, most = race["expected"]
        bar = f"{most:,}" if fewest == most else f"{fewest:,}–{most:,}"
        verdict = self._style.SUCCESS("✓ good") if race["ok"] else self._bad("✗ BROKEN")
        self._say(
            f"  {race['name']:<16}{race['attempts']:>9,}{race['winners']:>9,}{bar:>10}"
            f"{_time(race['p50_ms']):>10}{_time(race['p99_ms']):>10}  {verdict}"
        )
        told = ", ".join(f"{count:,} {word}" for word, count in race["told"].items())
        self._say(f"    {race['title']}")
        if told:
            self._say("    → " + "; ".join(filter(None, [told, race["became"]])))
        for complaint in race["complaints"]:
            self._say(self._bad(f"    ✗ {complaint[:LONGEST]}"))

    def _show_verify(self) -> None:
        found = self._verify
        self._say(RULE)
        if found["ok"]:
            self._say(
                f"verify: {found['invariants']} invariants hold for all"
                f" {found['orders']:,} orders. The books are right."
            )
            return
        self._say(self._bad("verify: the books are wrong."))
        for item in found["violations"]:
            self._say(
                self._bad(f"  ✗ {item['id']} {item['title']}: {item['violations']}")
            )
            for example in item["examples"]:
                self._say(f"      {example['key']}: {example['text']}"[:LONGEST])

    def _as_json(self, *, is_kept: bool) -> dict[str, Any]:
        return {
            "ok": self.is_good,
            **self._facts,
            "is_kept": is_kept,
            "seconds": round(time.monotonic() - self._started, 1),
            "races": self._races,
            "verify": self._verify,
            "status": self._status,
        }

    def _bad(self, text: str) -> str:
        return self._style.ERROR(text)

    def _say(self, text: str) -> None:
        if not self._is_json:
            self._out.write(text)
            self._out.flush()


class Ticker:
    """Shows what goes on and for how long, where somebody is watching."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, label: str) -> None:
        """Begin to show something else."""
        self.stop()
        if not self._stream.isatty():
            return
        self._is_over.clear()
        self._thread = threading.Thread(target=self._tick, args=[label], daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Show nothing any more."""
        if self._thread is None:
            return
        self._is_over.set()
        self._thread.join()
        self._thread = None
        self._write("")

    def _tick(self, label: str) -> None:
        started = time.monotonic()
        while True:
            self._write(f"  {label} … {time.monotonic() - started:.0f} s")
            if self._is_over.wait(TICK):
                return

    def _write(self, text: str) -> None:
        self._stream.write(f"\r\x1b[K{text}")
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _time(milliseconds: float) -> str:
    if milliseconds >= SECOND:
        return f"{milliseconds / SECOND:.1f} s"
    return f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"
