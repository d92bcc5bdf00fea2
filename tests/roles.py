"""The roles of staff, also where the tests before have emptied the tables."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group

from accounts.models import User
from tests.factories import UserFactory

ROLES = (
    "owner",
    "manager",
    "warehouse",
    "support",
    "marketing",
    "analyst",
    "auditor",
)


def make_roles() -> None:
    """Do again what the migrations did that give permissions to roles."""
    for migration in giving():
        migration.give_roles(apps)


def giving() -> Iterator[Any]:
    """Find the migrations with a ``give_roles``, by app and number."""
    for path in sorted(settings.BASE_DIR.glob("*/migrations/[0-9]*.py")):
        if "def give_roles(" in path.read_text():
            yield import_module(f"{path.parts[-3]}.migrations.{path.stem}")


def member(role: str) -> User:
    """Return a new member of staff with a role."""
    user: User = UserFactory.create(is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def granted(role: str) -> set[str]:
    """Return what the migrations gave a role: permissions as ``app.codename``."""
    names: set[str] = set()
    for migration in giving():
        if hasattr(migration, "names_of"):
            names |= migration.names_of(role)
        names |= set(getattr(migration, "GIVEN", {}).get(role, ()))
    return names
