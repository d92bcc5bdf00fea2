"""``manage.py outbox``: what is on its way to whom, and sending it again."""

import sys
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.commands import BAD_USE, as_json, duration, seconds, table
from outbox import selectors
from outbox import services as outbox
from outbox.models import LATE_AFTER, Dispatch, DispatchQuerySet
from outbox.selectors import Standing, Which

SHOWN = 20
AT_ONCE = 1_000
# Whether others' own servers take what they asked for is up to them.
APART = "#"


class Command(BaseCommand):
    """What was given up is tried anew from its first pause; receivers know repeats."""

    help = (
        "Show how the outbox stands (status), what was given up (dead), and send again"
        " (replay). Receivers know a repetition by its id. Exit codes: 0 all is well,"
        " 1 something is late or was given up, 2 bad use."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what can be done, each with its options."""
        ways = parser.add_subparsers(dest="way", required=True, metavar="WHAT")
        status = ways.add_parser("status", help="each subscriber: waiting, lag, dead")
        status.add_argument("--topic", default="", help="only events of this topic")
        status.add_argument(
            "--within",
            type=duration,
            default=selectors.HOUR,
            help="lags of events so young: 15m, 1h (default), 7d",
        )
        status.add_argument("--json", action="store_true", help="print JSON")
        dead = ways.add_parser("dead", help="list what was given up, with its errors")
        _add_filters(dead)
        dead.add_argument("--limit", type=int, default=SHOWN, help="default: 20")
        replay = ways.add_parser("replay", help="send again what was given up")
        _add_filters(replay)
        replay.add_argument("--id", type=int, nargs="+", default=[], help="dispatches")
        replay.add_argument(
            "--waiting", action="store_true", help="also what still waits for a pause"
        )
        replay.add_argument("--all", action="store_true", help="without any filter")
        replay.add_argument("--dry-run", action="store_true", help="only say which")

    def handle(self, *, way: str, **options: Any) -> None:
        """Do one of the three."""
        {"status": self._status, "dead": self._dead, "replay": self._replay}[way](
            options
        )

    def _status(self, options: dict[str, Any]) -> None:
        found = selectors.status(within=options["within"], topic=options["topic"])
        fresh = selectors.fresh()
        wrong = [one.subscriber for one in found if _is_wrong(one)]
        is_late = _is_old(fresh.oldest)
        if options["json"]:
            told = {
                "ok": not wrong and not is_late,
                "fresh": asdict(fresh),
                "subscribers": [asdict(one) for one in found],
                "wrong": wrong,
            }
            self.stdout.write(as_json(told))
        else:
            self._print_status(found)
            self.stdout.write(
                f"{fresh.waiting:,} events not looked at yet"
                f" (the oldest: {seconds(fresh.oldest)})"
            )
        if wrong or is_late:
            self.stderr.write(
                "Late or given up: is a worker running, and is the receiver there?"
                " `outbox dead` says why; `outbox replay` sends again."
            )
            sys.exit(1)

    def _print_status(self, found: list[Standing]) -> None:
        head = ("subscriber", "waiting", "oldest", "dead", "told", "p50", "p99")
        rows = [
            (
                one.subscriber,
                one.waiting,
                seconds(one.oldest),
                one.dead,
                one.delivered,
                seconds(one.lag_p50),
                seconds(one.lag_p99),
            )
            for one in found
        ]
        self.stdout.write(table(head, rows))

    def _dead(self, options: dict[str, Any]) -> None:
        found = selectors.chosen(_which(options)) & Dispatch.objects.dead()
        count = found.count()
        shown = [_described(one) for one in found[: options["limit"]]]
        if options["json"]:
            self.stdout.write(as_json({"count": count, "dead": shown}))
        else:
            for one in shown:
                self.stdout.write(
                    f"{one['id']}  {one['dead_at']:%Y-%m-%d %H:%M}  {one['topic']}"
                    f"  {one['aggregate']} → {one['subscriber']}"
                    f" after {one['attempts']} attempts"
                )
                self.stdout.write(f"    {one['last_error']}")
            self.stdout.write(f"{count:,} given up, {len(shown):,} shown")
        if count:
            sys.exit(1)

    def _replay(self, options: dict[str, Any]) -> None:
        which = _which(options)
        if which == Which() and not options["all"]:
            raise CommandError(
                "Say which: by --subscriber, --topic, --aggregate, --older-than,"
                " --younger-than or --id; or --all of them.",
                returncode=BAD_USE,
            )
        found = selectors.chosen(which)
        stuck = found & Dispatch.objects.dead()
        if options["waiting"]:
            stuck = found.filter(delivered_at=None)
        ids = list(stuck.values_list("pk", flat=True))
        done = len(ids) if options["dry_run"] else _send_again(ids)
        self._conclude(stuck, ids, done=done, options=options)

    def _conclude(
        self,
        stuck: DispatchQuerySet,
        ids: list[int],
        *,
        done: int,
        options: dict[str, Any],
    ) -> None:
        is_rehearsal = options["dry_run"]
        if options["json"]:
            told = {"dry_run": is_rehearsal, "replayed": done, "ids": ids}
            self.stdout.write(as_json(told))
            return
        if is_rehearsal:
            for one in stuck[:SHOWN]:
                self.stdout.write(f"{one.pk}  {one.event.topic} → {one.subscriber}")
        verb = "would be" if is_rehearsal else "are"
        self.stdout.write(f"{done:,} {verb} sent again")


def _add_filters(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--subscriber", default="", help="a name as `outbox status` shows it"
    )
    parser.add_argument("--topic", default="", help="e.g. order.paid")
    parser.add_argument("--aggregate", default="", help="e.g. order/<id>")
    parser.add_argument("--older-than", type=duration, help="events: 15m, 2h, 7d")
    parser.add_argument("--younger-than", type=duration, help="events: 15m, 2h, 7d")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _which(options: dict[str, Any]) -> Which:
    return Which(
        subscriber=options["subscriber"],
        topic=options["topic"],
        aggregate=options["aggregate"],
        older_than=options["older_than"],
        younger_than=options["younger_than"],
        ids=tuple(options.get("id", ())),
    )


def _send_again(ids: list[int]) -> int:
    return sum(
        outbox.replay(dispatch_ids=ids[start : start + AT_ONCE])
        for start in range(0, len(ids), AT_ONCE)
    )


def _described(one: Dispatch) -> dict[str, Any]:
    return {
        "id": one.pk,
        "event": one.event_id,
        "topic": one.event.topic,
        "aggregate": one.aggregate,
        "subscriber": one.subscriber,
        "attempts": one.attempts,
        "occurred_at": one.event.occurred_at,
        "dead_at": one.dead_at,
        "last_error": one.last_error,
    }


def _is_wrong(one: Standing) -> bool:
    return APART not in one.subscriber and (one.dead > 0 or _is_old(one.oldest))


def _is_old(age: float | None) -> bool:
    return age is not None and timedelta(seconds=age) > LATE_AFTER
