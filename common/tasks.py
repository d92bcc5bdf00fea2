"""Housekeeping of the tables that everybody shares."""

from celery import shared_task
from django.core.management import call_command

from common import idempotency, tombstones


@shared_task(name="common.tasks.forget_old_replies")
def forget_old_replies() -> None:
    """Drop idempotency records that are past their time."""
    idempotency.forget_old()


@shared_task(name="common.tasks.forget_old_sessions")
def forget_old_sessions() -> None:
    """Drop sessions that nobody can use any more."""
    call_command("clearsessions")


@shared_task(name="common.tasks.forget_old_tombstones")
def forget_old_tombstones() -> None:
    """Drop what tells of deletions that every app has heard of or never will."""
    tombstones.forget_old()
