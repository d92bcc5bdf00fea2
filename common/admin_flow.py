"""Lists of what is on its way to somebody: how that goes, and repairs of many at once.

What is repaired may be a hundred thousand rows. They are done in batches, each its own
transaction with its rows of the audit log, and so many a press at most.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from django import forms
from django.contrib import messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from common import audit as trail
from common.admin import ReadOnlyAdmin
from common.charts import Chart

M = TypeVar("M", bound=Model)
AT_ONCE, MOST = 1_000, 50_000
SPARK = (240, 48)  # width and height, in units of the drawing


@dataclass(frozen=True, slots=True)
class Panel:
    """Numbers at a glance with a tag's colour each, and a chart of a day."""

    figures: Sequence[tuple[Any, str, str]]
    chart: Chart
    note: Any


@dataclass(frozen=True, slots=True)
class Repair:
    """Something to do to all that match: ``do`` gets ids and the reason."""

    name: str
    label: Any
    do: Callable[[Sequence[Any], str], int]


class RepairForm(forms.Form):
    """Asks why."""

    reason = forms.CharField(label=_("Reason"), max_length=200)


class FlowAdmin(ReadOnlyAdmin[M]):
    """A read-only list that shows how things go, and repairs what does not."""

    change_list_template = "admin/flow.html"
    # Pages beside the list: label, name of the address, permission.
    links: Sequence[tuple[Any, str, str]] = ()

    def panel(self, request: HttpRequest) -> Panel:
        """Return the numbers on top of the list."""
        raise NotImplementedError

    def repairs(self) -> Sequence[Repair]:
        """Return what can be done to all that match."""
        raise NotImplementedError

    def broken(self, queryset: QuerySet[M]) -> QuerySet[M]:
        """Keep what repairs are for."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.matching_page)
        return [path("matching/", view, name=self._matching), *super().get_urls()]

    @property
    def _matching(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_matching"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        shown: dict[str, Any] = {}
        if request.method == "GET":
            shown = {"panel": self.panel(request), "links": self._links(request)}
        return super().changelist_view(request, (extra_context or {}) | shown)

    def _links(self, request: HttpRequest) -> list[tuple[Any, str]]:
        found = [
            (label, reverse(f"admin:{name}"))
            for label, name, permission in self.links
            if request.user.has_perm(permission)
        ]
        if self.has_operate_permission(request):
            address = reverse(f"admin:{self._matching}")
            query = request.GET.urlencode()
            found.append((_("Repair all that match…"), f"{address}?{query}"))
        return found

    def matching_page(self, request: HttpRequest) -> HttpResponse:
        """Ask why, then do something to all that the list's filter matches."""
        if not self.has_operate_permission(request):
            raise PermissionDenied
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        try:
            matching = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(back)
        back = f"{back}?{request.GET.urlencode()}"
        broken = self.broken(cast("QuerySet[M]", matching))
        form = RepairForm(request.POST if request.method == "POST" else None)
        chosen = {repair.name: repair for repair in self.repairs()}
        repair = chosen.get(request.POST.get("do", ""))
        if repair is not None and form.is_valid():
            reason = form.cleaned_data["reason"]
            done = self.in_batches(request, broken, repair, reason)
            self._tell(request, repair, done, broken)
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Repair all that match"),
            "form": form,
            "count": broken.count(),
            "most": MOST,
            "filters": [
                (name, value) for name, value in request.GET.items() if name != "p"
            ],
            "repairs": chosen.values(),
            "back": back,
        }
        return TemplateResponse(request, "admin/matching.html", context)

    def in_batches(
        self, request: HttpRequest, queryset: QuerySet[M], repair: Repair, reason: str
    ) -> int:
        """Repair rows by id, a batch a transaction; return how many there were."""
        done, last = 0, None
        for _batch in range(MOST // AT_ONCE):
            rest = queryset if last is None else queryset.filter(pk__gt=last)
            with transaction.atomic():
                batch = list(rest.order_by("pk")[:AT_ONCE])
                if not batch:
                    break
                done += repair.do([one.pk for one in batch], reason)
                trail.write_many(
                    batch,
                    actor_id=cast(int, request.user.pk),
                    action=repair.label,
                    reason=reason,
                )
            last = batch[-1].pk
        return done

    def _tell(
        self, request: HttpRequest, repair: Repair, done: int, broken: QuerySet[M]
    ) -> None:
        text = ngettext("%(title)s: %(n)s done.", "%(title)s: %(n)s done.", done)
        said = text % {"title": repair.label, "n": done}
        if done >= MOST and (left := broken.count()):
            said += " " + str(_("%(left)s are left: press again.") % {"left": left})
        self.message_user(request, said, messages.SUCCESS)


class NameFilter(SimpleListFilter):
    """Keeps one of the names that there are; asking the table would read it all."""

    path = ""

    def names(self) -> Sequence[str]:
        """Return what can be chosen."""
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, name) for name in self.names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset.filter(**{self.path: chosen}) if chosen else queryset


def seconds(value: float | None) -> str:
    """Write how long something took, as people say it."""
    if value is None:
        return "–"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 120:  # noqa: PLR2004 — two minutes
        return f"{value:.1f} s"
    return f"{timedelta(seconds=round(value))}"


def age(moment: datetime | None) -> str:
    """Write for how long something has been waiting."""
    return timesince(moment, timezone.now(), depth=1) if moment else "–"
