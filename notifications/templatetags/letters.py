"""Amounts in letters."""

from django import template

from common.money import money
from notifications.wording import points_text

register = template.Library()
register.filter("money", money)
register.filter("points", points_text)
