"""What tables mean: columns of a model that are exported, and rows that are imported.

Nothing is saved here: each row that changes something goes through a service. A dry run
checks all rows and calls none.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext_lazy as _
from import_export import resources
from import_export.fields import Field
from import_export.instance_loaders import CachedInstanceLoader
from import_export.results import Result, RowResult
from import_export.widgets import Widget
from tablib import Dataset

from common import idempotency
from common.errors import DomainError
from common.idempotency import Claim, Reply
from common.money import decimals, from_major
from common.sheets import MAX_ROWS

YES, NO = (
    {"yes", "true", "1", "y", "예", "да"},
    {"no", "false", "0", "n", "아니요", "нет"},
)
logger = logging.getLogger(__name__)
LARGEST = 10**12
KINDS = {
    RowResult.IMPORT_TYPE_NEW: "new",
    RowResult.IMPORT_TYPE_UPDATE: "change",
    RowResult.IMPORT_TYPE_SKIP: "same",
}


class Plain(Widget):  # type: ignore[misc]  # untyped library
    """Text, or whatever it is, as it is."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        return value

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return value


class Whole(Plain):
    """A whole number."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> int | None:
        if not value:
            return None
        try:
            number = int(value)
        except ValueError:
            raise ValueError(
                _("“%(value)s” is no whole number.") % {"value": value}
            ) from None
        if abs(number) > LARGEST:
            raise ValueError(_("This number is too large."))
        return number


class Amount(Plain):
    """Money as people write it in the shop's currency; kept in minor units."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> int | None:
        if not value:
            return None
        try:
            amount = Decimal(value)
        except InvalidOperation:
            raise ValueError(
                _("“%(value)s” is no amount.") % {"value": value}
            ) from None
        if not amount.is_finite() or abs(amount) > LARGEST:
            raise ValueError(_("“%(value)s” is no amount.") % {"value": value})
        if amount != round(amount, decimals()):
            raise ValueError(_("The currency has no such small change."))
        return from_major(amount)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        if value is None:
            return None
        places = decimals()
        return Decimal(value).scaleb(-places) if places else value


class YesNo(Plain):
    """Yes or no."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> bool | None:
        word = str(value).strip().lower()
        if word not in YES | NO | {""}:
            raise ValueError(_("Write yes or no."))
        return word in YES if word else None


def column(name: str, widget: Widget | None = None, *, reads: str = "") -> Field:
    """Return a column that is exported and imported."""
    return Field(attribute=reads or name, column_name=name, widget=widget or Plain())


def shown(name: str, widget: Widget | None = None, *, reads: str = "") -> Field:
    """Return a column that is exported, and ignored in a file that comes back."""
    return Field(
        attribute=reads or name,
        column_name=name,
        widget=widget or Plain(),
        readonly=True,
    )


Refusals = Mapping[int, DomainError]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a file that changes something, by its number in the file."""

    number: int
    thing: Any
    is_new: bool


@dataclass(slots=True)
class Job:
    """An import: whose, why, and under which key each part of it counts once.

    ``uploaded_at`` is when the file came, ``done`` how many rows were done by now.
    """

    actor_id: int
    reason: str
    key: str
    uploaded_at: datetime
    done: int = 0

    def once(
        self, place: str, effect: Callable[[], Refusals], *, rows: int
    ) -> dict[int, str]:
        """Do a part of it, by its place in the file, unless it was done before.

        Returns why rows of it were refused, then or now, by their numbers.
        """
        reply = idempotency.run(self.claim(place), lambda: _done(effect()))
        refused = {int(number): why for number, why in json.loads(reply.body).items()}
        self.done += 0 if reply.is_replayed else rows - len(refused)
        return refused

    def claim(self, place: str) -> Claim:
        """Return the key of a part."""
        wish = repr((self.key, place, self.reason)).encode()
        return Claim(
            subject=f"u:{self.actor_id}",
            method="POST",
            path="import",
            key=f"{self.key}/{place}",
            fingerprint=idempotency.fingerprint("POST", "import", wish),
        )


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a file: what it would change, or what is wrong with it."""

    number: int
    name: str
    kind: str
    changes: list[tuple[str, Any, Any]]
    errors: list[str]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a run over a file has found, or done."""

    lines: list[Line]
    errors: list[str]

    def count(self, kind: str) -> int:
        """Return how many rows are of a kind: new, change, same or bad."""
        return sum(line.kind == kind for line in self.lines)

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong, and something changes."""
        return not self.errors and not self.count("bad") and self.moves > 0

    @property
    def moves(self) -> int:
        """How many rows change something."""
        return self.count("new") + self.count("change")


class SheetExport(resources.ModelResource):  # type: ignore[misc]  # untyped library
    """Columns of a model for a table that leaves the shop."""

    def leave_out(self, name: str) -> None:
        """Have no such column for whoever takes or brings this table."""
        self.fields.pop(name, None)

    def rows(self, objects: Iterator[Model]) -> Iterator[list[Any]]:
        """Return the cells of each object."""
        readers = [self._reader(each) for each in self.get_export_fields()]
        for thing in objects:
            yield [read(thing) for read in readers]

    def _reader(self, each: Field) -> Callable[[Any], Any]:
        # Looked up once, and not for each cell.
        name = each.get_dehydrate_method(self.get_field_name(each))
        read: Callable[[Any], Any] = getattr(self, name, None) or each.export
        return read


class SheetImport(SheetExport):
    """Rows that are known by one column, most often the SKU.

    An app says what is wrong with a row in ``check`` and changes things in ``write``.
    """

    # Columns of files that come in only, e.g. why.
    asked: Sequence[str] = ()
    # Without these there is nothing to do.
    needed: Sequence[str] = ("sku",)
    creates = False
    # A page has not all the time in the world.
    most_rows = MAX_ROWS
    # So many rows of the file are one transaction, less those that are refused.
    part = 250

    class Meta:
        use_transactions = False
        skip_diff = True
        report_skipped = True
        store_instance = True
        clean_model_instances = False
        import_id_fields = ("sku",)
        instance_loader_class = CachedInstanceLoader

    def check(self, thing: Any) -> None:
        """Raise ``ValidationError`` for what is wrong beyond single cells."""

    def write(self, rows: Sequence[Row], job: Job, place: str) -> Mapping[int, str]:
        """Change what the rows of a part say, by services and ``job.once``.

        Returns why rows were refused, by their numbers.
        """
        raise NotImplementedError

    def finish(self, job: Job) -> None:
        """Do what is done for all rows together."""

    def run(self, table: Dataset, job: Job | None = None) -> Checked:
        """Check all rows; with a ``job`` do what they say, each at most once."""
        # The library's own dry run writes everything and takes it back: until then
        # nobody could buy what it touched.
        result: Result = self.import_data(
            table, dry_run=False, use_transactions=False, job=job
        )
        errors = [_sentence(error.error) for error in result.base_errors]
        known = self.fields[self.get_import_id_fields()[0]].column_name
        names = table[known] if known in table.headers else [""] * len(table)
        return Checked(
            [
                self._line(number, name, row, self._refused.get(number, ""))
                for number, (name, row) in enumerate(
                    zip(names, result.rows, strict=False), 2
                )
            ],
            errors,
        )

    def get_export_fields(self, selected_fields: Any = None) -> list[Field]:
        found = super().get_export_fields(selected_fields)
        return [each for each in found if each.column_name not in self.asked]

    def before_import(self, dataset: Dataset, **kwargs: Any) -> None:
        self._seen: set[str] = set()
        self._waiting: list[Row] = []
        self._refused: dict[int, str] = {}
        if len(dataset) > self.most_rows:
            raise ValidationError(
                _("A file may have up to %(rows)s rows here: split it.")
                % {"rows": self.most_rows}
            )
        known = {each.column_name for each in self.fields.values()}
        if strange := [name for name in dataset.headers if name not in known]:
            text = _("Unknown columns: %(names)s. Known are: %(known)s.")
            raise ValidationError(
                text % {"names": ", ".join(strange), "known": ", ".join(sorted(known))}
            )
        if missing := [name for name in self.needed if name not in dataset.headers]:
            text = _("These columns are missing: %(names)s.")
            raise ValidationError(text % {"names": ", ".join(missing)})

    def before_import_row(self, row: dict[str, str], **kwargs: Any) -> None:
        name = row.get("sku", "")
        if not name:
            raise ValidationError(_("There is no SKU."))
        if name in self._seen:
            raise ValidationError(_("This SKU is in the file twice."))
        self._seen.add(name)

    def after_init_instance(
        self,
        instance: Any,
        new: bool,
        row: dict[str, str],
        **kwargs: Any,
    ) -> None:
        if new and not self.creates:
            raise ValidationError(_("There is no product with this SKU."))
        instance.values_before = {} if new else self._values(instance)

    def skip_row(
        self,
        instance: Any,
        original: Any,
        row: Any,
        import_validation_errors: Any = None,
    ) -> bool:
        return not import_validation_errors and not self.changes(instance)

    def validate_instance(
        self,
        instance: Any,
        import_validation_errors: Any = None,
        validate_unique: bool = True,
    ) -> None:
        super().validate_instance(instance, import_validation_errors, validate_unique)
        self.check(instance)

    def save_instance(
        self,
        instance: Any,
        is_create: bool,
        row: Any,
        **kwargs: Any,
    ) -> None:
        job, number = kwargs["job"], kwargs["row_number"] + 1
        if job is None:
            return
        # By the place in the file: sent again, the parts are the same ones.
        if (
            self._waiting
            and self._waiting[0].number // self.part != number // self.part
        ):
            self._write_part(job)
        self._waiting.append(Row(number, instance, is_create))

    def after_import(self, dataset: Dataset, result: Result, **kwargs: Any) -> None:
        job = kwargs["job"]
        if job is not None:
            self._write_part(job)
        if (
            job is None
            or self._refused
            or result.has_errors()
            or result.has_validation_errors()
        ):
            return
        try:
            self.finish(job)
        except DomainError as error:
            self.handle_import_error(result, error)

    def _write_part(self, job: Job) -> None:
        rows, self._waiting = self._waiting, []
        if not rows:
            return
        place = f"part {rows[0].number // self.part}"
        try:
            self._refused |= self.write(rows, job, place)
        except Exception as error:
            if not isinstance(error, DomainError):
                logger.exception("%s of an import failed", place)
            self._refused |= dict.fromkeys(
                (row.number for row in rows), _sentence(error)
            )

    def changes(self, instance: Any) -> list[tuple[str, Any, Any]]:
        """Return what a row changes of a thing: column, old and new value."""
        old, new = instance.values_before, self._values(instance)
        return [
            (name, old.get(name), value)
            for name, value in new.items()
            if value not in (None, "") and value != old.get(name)
        ]

    def _values(self, instance: Any) -> dict[str, Any]:
        return {
            each.column_name: each.export(instance)
            for each in self.fields.values()
            if not each.readonly
        }

    def _line(self, number: int, name: str, row: RowResult, refused: str) -> Line:
        errors = [_sentence(error.error) for error in row.errors]
        errors += [refused] if refused else []
        if row.validation_error is not None:
            errors += _sentences(row.validation_error)
        is_good = not errors and row.instance is not None
        return Line(
            number=number,
            name=name,
            kind="bad" if errors else KINDS.get(row.import_type, "bad"),
            changes=self.changes(row.instance) if is_good else [],
            errors=errors,
        )


def _sentences(error: ValidationError) -> list[str]:
    if not hasattr(error, "error_dict"):
        return [str(message) for message in error.messages]
    return [
        f"{name}: {message}" if name != "__all__" else str(message)
        for name, messages in error.message_dict.items()
        for message in messages
    ]


def _sentence(error: Exception) -> str:
    if isinstance(error, DomainError):
        return str(error.detail)
    if isinstance(error, ValidationError):
        return " ".join(_sentences(error))
    return str(_("This could not be done (%(kind)s).")) % {"kind": type(error).__name__}


def _done(refused: Refusals) -> Reply:
    said = {str(number): str(error.detail) for number, error in refused.items()}
    return Reply(200, json.dumps(said))
