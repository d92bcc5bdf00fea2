"""Registers what ``manage.py check`` asks of the settings."""

from django.apps import AppConfig
from django.core.checks import register

from config import checks


class WiringConfig(AppConfig):
    """The package that puts the apps together."""

    name = "config"

    def ready(self) -> None:
        register(checks.problems)
