"""What staff did, for good: who, what, why, before and after, in which request.

The rows are those of Django's admin, so that the history of an object shows them; their
message is a JSON object. Neither a name nor a message tells who a shopper is: rows
outlive the accounts they speak of.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, QuerySet
from django.utils import translation

from common.middleware import request_id

Facts = Mapping[str, Any]
LONGEST_VALUE = 200
# What of a person could stand in the name of a thing.
PERSONAL = ("email", "recipient", "address", "phone", "user_agent", "ip")
# Stands for a value that has no business in a log.
UNTOLD = "…"
HIDDEN = ("password", "secret", "token")


@dataclass(frozen=True, slots=True)
class Told:
    """What a row says, read again."""

    action: str
    reason: str = ""
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    request_id: str = ""

    def changes(self) -> list[tuple[str, str, str]]:
        """Return what became of each fact that is another one now: name, old, new."""
        names = dict.fromkeys([*self.before, *self.after])
        return [
            (name, text(self.before.get(name)), text(self.after.get(name)))
            for name in names
            if self.before.get(name) != self.after.get(name)
        ]


@dataclass(frozen=True, slots=True)
class Edits:
    """What was changed by a form, field by field."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


def write(
    obj: Model,
    *,
    actor_id: int,
    action: Any,
    reason: str = "",
    before: Facts | None = None,
    after: Facts | None = None,
    flag: int = CHANGE,
) -> None:
    """Write down what a member of staff did to one thing, in the same transaction."""
    write_many(
        [obj],
        actor_id=actor_id,
        action=action,
        reason=reason,
        before=before,
        after=after,
        flag=flag,
    )


def write_many(
    objects: Iterable[Model],
    *,
    actor_id: int,
    action: Any,
    reason: str = "",
    before: Facts | None = None,
    after: Facts | None = None,
    flag: int = CHANGE,
) -> None:
    """Write down what was done to many things in the same words, in one statement."""
    said = message(action, reason=reason, before=before, after=after)
    LogEntry.objects.bulk_create(_entry(obj, actor_id, said, flag) for obj in objects)


def write_each(
    rows: Iterable[tuple[Model, Facts, Facts]],
    *,
    actor_id: int,
    action: Any,
    reason: str = "",
) -> None:
    """Write down, in one statement, what each thing was before and after."""
    LogEntry.objects.bulk_create(
        _entry(
            obj,
            actor_id,
            message(action, reason=reason, before=before, after=after),
            CHANGE,
        )
        for obj, before, after in rows
    )


def _entry(obj: Model, actor_id: int, said: str, flag: int) -> LogEntry:
    return LogEntry(
        user_id=actor_id,
        content_type=ContentType.objects.get_for_model(type(obj)),
        object_id=str(obj.pk),
        object_repr=name_of(obj),
        action_flag=flag,
        change_message=said,
    )


def message(
    action: Any,
    *,
    reason: str = "",
    before: Facts | None = None,
    after: Facts | None = None,
) -> str:
    """Return the text of a row; actions are kept in English, whoever did them."""
    with translation.override("en"):
        said = {
            "action": str(action),
            "reason": str(reason),
            "before": {name: plain(value) for name, value in (before or {}).items()},
            "after": {name: plain(value) for name, value in (after or {}).items()},
            "request_id": request_id.get(),
        }
    return json.dumps(said, ensure_ascii=False)


def read(entry: LogEntry) -> Told:
    """Return what a row says; rows from before there were such have only an action."""
    if entry.change_message.startswith("{"):
        try:
            return Told(**json.loads(entry.change_message))
        except (TypeError, ValueError):
            pass
    return Told(action=entry.get_change_message())


def name_of(obj: Model) -> str:
    """Return what a row calls a thing: its name, unless that is somebody's."""
    name = str(obj)
    own = [str(getattr(obj, field, None) or "") for field in PERSONAL]
    if not name or "@" in name or any(value and value in name for value in own):
        return f"{type(obj).__name__.lower()} {obj.pk}"
    return name[:200]


def edits_of(form: Any, formsets: Iterable[Any], *, hides_values: bool) -> Edits:
    """Return what a form of the admin, and those of its rows, have changed.

    Of what tells who somebody is, ``hides_values`` leaves the names of fields only.
    """
    edits = Edits()
    for name, old, new in _changed(form, ""):
        edits.before[name], edits.after[name] = old, new
    for formset in formsets:
        rows = formset.model.__name__.lower()
        for row in formset.forms:
            if row.instance.pk:
                for name, old, new in _changed(row, f"{rows} {row.instance.pk}: "):
                    edits.before[name], edits.after[name] = old, new
    return Edits(after=dict.fromkeys(edits.after, UNTOLD)) if hides_values else edits


def _changed(form: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    for name in form.changed_data:
        old, new = form.initial.get(name), form.cleaned_data.get(name)
        if any(word in name for word in HIDDEN):
            old, new = None, UNTOLD
        yield f"{place}{name}", plain(old), plain(new)


def plain(value: Any) -> Any:
    """Return a value as JSON has it; things become their ids."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Model):
        return str(value.pk)
    if isinstance(value, QuerySet | list | tuple | set):
        return sorted(str(plain(each)) for each in value)
    return str(value)[:LONGEST_VALUE]


def text(value: Any) -> str:
    """Write a fact as people read it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, list):
        return ", ".join(str(each) for each in value) or "–"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)
