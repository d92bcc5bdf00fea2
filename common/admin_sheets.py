"""Pages on which staff take tables out of the shop and bring tables in."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common import audit as trail
from common import sheets
from common.admin import M, ModelAdmin, ReasonForm
from common.errors import DomainError
from common.ids import uuid7
from common.importing import Checked, Job, SheetExport, SheetImport

FORMATS = [("csv", "CSV"), ("xlsx", "XLSX")]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# So long a file that was looked at waits to be applied.
KEPT_SECONDS = 3600
MOST_SHOWN = 200


class ExportForm(forms.Form):
    """Asks for the kind of file."""

    format = forms.ChoiceField(label=_("Format"), choices=FORMATS)


class ImportForm(ReasonForm):
    """Asks for a file, and why things change."""

    file = forms.FileField(
        label=_("File"), required=False, help_text=_("CSV in UTF-8, or XLSX.")
    )
    field_order = ["file", "reason"]


class _Linked(ModelAdmin[M]):
    """Shows links to pages of tables above a list."""

    def sheet_links(self, request: HttpRequest) -> list[tuple[Any, str]]:
        return []

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        links = {"sheet_links": self.sheet_links(request)}
        return super().changelist_view(request, links | (extra_context or {}))

    def _sheet_url(self, what: str, *args: str) -> str:
        meta = self.opts
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_{what}", args=args)

    def _sheet_path(self, what: str, view: Any) -> URLPattern:
        meta = self.opts
        page: Any = self.admin_site.admin_view(view)
        name = f"{meta.app_label}_{meta.model_name}_{what}"
        pattern: URLPattern = path(f"{what}/<slug:name>/", page, name=name)
        return pattern

    def _log_sheet(
        self, request: HttpRequest, action: str, reason: str, **told: Any
    ) -> None:
        LogEntry.objects.create(
            user_id=cast(int, request.user.pk),
            content_type=ContentType.objects.get_for_model(self.model),
            object_id="",
            object_repr=str(self.opts.verbose_name_plural),
            action_flag=CHANGE,
            change_message=trail.message(action, reason=reason, after=told),
        )


class ExportAdmin(_Linked[M]):
    """Adds the export of what a list shows, by the name of the table."""

    exports: Mapping[str, type[SheetExport]] = {}

    def export_sheet(self, request: HttpRequest, name: str) -> SheetExport:
        """Return the table of that name, as this person may see it."""
        return self.exports[name]()

    def sheet_links(self, request: HttpRequest) -> list[tuple[Any, str]]:
        links = super().sheet_links(request)
        if not self.has_view_permission(request):
            return links
        asked = f"?{request.GET.urlencode()}" if request.GET else ""
        return [
            *links,
            *(
                (
                    _("Export %(name)s") % {"name": self._table_name(name)},
                    self._sheet_url("export", name) + asked,
                )
                for name in self.exports
            ),
        ]

    def get_urls(self) -> list[URLPattern]:
        return [self._sheet_path("export", self.export_page), *super().get_urls()]

    def export_page(self, request: HttpRequest, name: str) -> HttpResponseBase:
        """Ask for the format, then send what the list shows under the same filters."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if name not in self.exports:
            raise Http404
        found = self._listed(request)
        form = ExportForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                return self._send(request, name, found, form.cleaned_data["format"])
            except DomainError as error:
                self.message_user(request, str(error.detail), messages.ERROR)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Export %(name)s") % {"name": self._table_name(name)},
            "form": form,
            "count": found.count(),
            "is_filtered": bool(request.GET),
            "columns": self.export_sheet(request, name).get_export_headers(),
        }
        return TemplateResponse(request, "admin/sheets/export.html", context)

    def _listed(self, request: HttpRequest) -> QuerySet[M]:
        """Return what the list shows, all pages of it."""
        everything: QuerySet[M] = cast(Any, self.model).objects.all()
        if not request.GET:
            return everything
        shown = self.get_changelist_instance(request).get_queryset(request)
        return everything.filter(pk__in=shown.order_by().values("pk"))

    def _send(
        self, request: HttpRequest, name: str, found: QuerySet[M], form: str
    ) -> HttpResponseBase:
        table = self.export_sheet(request, name)
        objects = table.get_queryset()
        if request.GET or objects.model is not self.model:
            objects = objects.filter(pk__in=found.order_by().values("pk"))
        count = found.count()
        headers = table.get_export_headers()
        rows = table.rows(sheets.by_batches(objects))
        file = f"{name}-{timezone.localdate()}.{form}"
        answer: HttpResponseBase
        if form == "xlsx":
            if count > sheets.MAX_XLSX_ROWS:
                raise sheets.SheetTooLarge(
                    _("A sheet has no room for so many rows. Take CSV.")
                )
            answer = FileResponse(
                sheets.xlsx_file(headers, rows), content_type=XLSX, filename=file
            )
        else:
            answer = StreamingHttpResponse(
                sheets.csv_lines(headers, rows), content_type="text/csv; charset=utf-8"
            )
        answer["Content-Disposition"] = f'attachment; filename="{file}"'
        # Filters are named, not quoted: somebody may have looked for a person.
        filters = sorted(request.GET)
        self._log_sheet(
            request, f"Export {name}", "", rows=count, format=form, filters=filters
        )
        return answer

    def _table_name(self, name: str) -> Any:
        return _TABLES.get(name, name)


class ImportAdmin(ExportAdmin[M]):
    """Adds imports: a file is looked at, row by row, and then applied."""

    imports: Mapping[str, type[SheetImport]] = {}
    # By table: what somebody must be allowed to do.
    import_permissions: Mapping[str, Sequence[str]] = {}
    import_help: Mapping[str, Any] = {}

    def import_sheet(self, request: HttpRequest, name: str) -> SheetImport:
        """Return the table of that name, with what this person may change."""
        return self.imports[name]()

    def sheet_links(self, request: HttpRequest) -> list[tuple[Any, str]]:
        return [
            *super().sheet_links(request),
            *(
                (
                    _("Import %(name)s") % {"name": self._table_name(name)},
                    self._sheet_url("import", name),
                )
                for name in self.imports
                if self._may_import(request, name)
            ),
        ]

    def get_urls(self) -> list[URLPattern]:
        return [self._sheet_path("import", self.import_page), *super().get_urls()]

    def import_page(self, request: HttpRequest, name: str) -> HttpResponse:
        """Take a file, show what it would change, and apply it if nothing is wrong."""
        if name not in self.imports:
            raise Http404
        if not self._may_import(request, name):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        # Another file is another import, whatever the page was about before.
        posted = "" if request.FILES else request.POST.get("key", "")[:64]
        key = posted or uuid7().hex
        is_confirmed = request.POST.get("step") == "apply" and bool(posted)
        checked = None
        if request.method == "POST" and form.is_valid():
            try:
                table = sheets.read(_content(request, key))
                checked = self.import_sheet(request, name).run(table)
                if is_confirmed and not checked.errors and not checked.count("bad"):
                    return self._apply(request, name, table, form, key)
            except DomainError as error:
                form.add_error("file", str(error.detail))
        return self._import_page(request, name, form, key, checked)

    def _apply(
        self, request: HttpRequest, name: str, table: Any, form: ImportForm, key: str
    ) -> HttpResponse:
        reason = form.cleaned_data["reason"]
        uploaded_at = cache.get(_uploaded_key(request, key)) or timezone.now()
        job = Job(cast(int, request.user.pk), reason, key, uploaded_at)
        done = self.import_sheet(request, name).run(table, job)
        if done.errors or done.count("bad"):
            for error in done.errors:
                self.message_user(request, error, messages.ERROR)
            text = _("Some rows were refused; the others are done.")
            self.message_user(request, str(text), messages.ERROR)
            self._log_sheet(request, f"Import {name}", reason, rows=job.done)
            return self._import_page(request, name, form, uuid7().hex, done)
        if job.done:
            told = _("Rows imported: %(n)s.") % {"n": job.done}
            self.message_user(request, told, messages.SUCCESS)
            self._log_sheet(request, f"Import {name}", reason, rows=job.done)
        else:
            text = _("This file was imported before: nothing was done twice.")
            self.message_user(request, str(text), messages.WARNING)
        meta = self.opts
        return HttpResponseRedirect(
            reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        )

    def _import_page(
        self,
        request: HttpRequest,
        name: str,
        form: ImportForm,
        key: str,
        checked: Checked | None,
    ) -> HttpResponse:
        table = self.import_sheet(request, name)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Import %(name)s") % {"name": self._table_name(name)},
            "form": form,
            "key": key,
            "checked": checked,
            "counts": checked and _counts(checked),
            "lines": checked and _first(checked),
            "hidden": checked and max(0, len(checked.lines) - MOST_SHOWN),
            "help": self.import_help.get(name, ""),
            "columns": [
                (each.column_name, each.column_name in table.needed)
                for each in table.fields.values()
                if not each.readonly
            ],
        }
        return TemplateResponse(request, "admin/sheets/import.html", context)

    def _may_import(self, request: HttpRequest, name: str) -> bool:
        return request.user.has_perms(self.import_permissions[name])


_TABLES = {
    "products": _("products"),
    "prices": _("prices"),
    "stock": _("stock"),
    "orders": _("orders"),
    "ledger": _("ledger"),
}


def _content(request: HttpRequest, key: str) -> bytes:
    """Return the file that comes, or the one that was looked at under the key."""
    place = f"sheet/{request.user.pk}/{key}"
    given: Any = request.FILES.get("file")
    if given is not None:
        content: bytes = given.read(sheets.MAX_BYTES + 1)
        if len(content) <= sheets.MAX_BYTES:
            cache.set(place, content, KEPT_SECONDS)
            cache.set(_uploaded_key(request, key), timezone.now(), KEPT_SECONDS)
        return content
    kept: bytes | None = cache.get(place)
    if kept is None:
        raise sheets.SheetUnreadable(_("Choose a file."))
    return kept


def _uploaded_key(request: HttpRequest, key: str) -> str:
    return f"sheet/{request.user.pk}/{key}/at"


def _counts(checked: Checked) -> list[tuple[Any, int]]:
    return [
        (label, checked.count(kind))
        for label, kind in (
            (_("new"), "new"),
            (_("changed"), "change"),
            (_("as they are"), "same"),
            (_("wrong"), "bad"),
        )
    ]


def _first(checked: Checked) -> list[Any]:
    """Return the rows that a page shows: what is wrong, then what changes."""
    order = {"bad": 0, "new": 1, "change": 1, "same": 2}
    return sorted(checked.lines, key=lambda line: order[line.kind])[:MOST_SHOWN]
