"""What pages of staff show: money, and rows of the log of what was done."""

from django import template
from django.contrib.admin.models import LogEntry
from django.utils.translation import gettext

from common import audit
from common.audit import Told
from common.money import money

register = template.Library()
register.filter("money", money)


@register.filter
def told(entry: LogEntry) -> Told:
    """Read what a row says."""
    return audit.read(entry)


@register.filter
def in_words(action: str) -> str:
    """Write an action, which is kept in English, in the reader's language."""
    return gettext(action) if action else ""
