"""Registers what ``manage.py check`` asks of the settings."""

from django.apps import AppConfig
from django.core.checks import Tags, register

from config import checks, server_checks, telemetry


class WiringConfig(AppConfig):
    """The package that puts the apps together."""

    name = "config"

    def ready(self) -> None:
        register(checks.problems)
        register(server_checks.if_asked_for, Tags.database)
        telemetry.start()
