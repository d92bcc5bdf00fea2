"""What every app's admin is made of.

Staff read everything and write through the same services as everybody else: an action
asks for what it needs, calls a service for each object, and shows what was refused.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import ADDITION, CHANGE, DELETION
from django.contrib.auth import get_permission_codename
from django.db.models import Field, Model, QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from common import audit as trail
from common import idempotency
from common.audit import Edits, Facts
from common.db import use_case
from common.errors import DomainError
from common.idempotency import Claim, Reply
from common.ids import uuid7
from common.models import IdempotencyRecord

M = TypeVar("M", bound=Model)
A = TypeVar("A", bound=Callable[..., Any])

# What says how far something has come, in the log of what was done to it.
STANDING = ("status", "state", "is_active", "is_enabled")
EDITED = {ADDITION: _("Added"), CHANGE: _("Changed"), DELETION: _("Removed")}

display = admin.display
register = admin.register


def action(description: Any, *, permission: str = "operate") -> Callable[[A], A]:
    """Declare an action; there is none that needs no permission."""
    return admin.action(description=description, permissions=[permission])


def tag(kind: str, label: Any) -> SafeString:
    """Write a word on a coloured tag; the word says it all without the colour."""
    return format_html('<span class="tag tag-{}">{}</span>', kind, label)


def staff_id(request: HttpRequest) -> int:
    """Return who sits there; the admin lets nobody in who is not signed in."""
    return cast(int, request.user.pk)


def audit(
    request: HttpRequest,
    obj: Model,
    *,
    action: Any,
    reason: str = "",
    before: Facts | None = None,
    after: Facts | None = None,
    flag: int = CHANGE,
) -> None:
    """Write down what the person of this request did to something; see ``audit``.

    ``action`` is what they pressed, ``before`` and ``after`` are facts by name, none of
    them about who a shopper is.
    """
    trail.write(
        obj,
        actor_id=staff_id(request),
        action=action,
        reason=reason,
        before=before,
        after=after,
        flag=flag,
    )


def short(moment: datetime | None) -> str:
    """Write a moment so that a table has room for it, in the shop's zone."""
    return date_format(localtime(moment), "j M, H:i") if moment else "–"


class _Labelled:
    """Gives form fields in tables, which have no label of their own, a name."""

    def formfield_for_dbfield(
        self, db_field: "Field[Any, Any]", request: HttpRequest | None, **kwargs: Any
    ) -> forms.Field | None:
        formfield: forms.Field | None = super().formfield_for_dbfield(  # type: ignore[misc]
            db_field, request, **kwargs
        )
        if formfield is not None:
            formfield.widget.attrs.setdefault("aria-label", str(db_field.verbose_name))
        return formfield


class _LabelledFormSet(BaseInlineFormSet[Any, Any, Any]):
    """Names the box that removes a row, too."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].widget.attrs["aria-label"] = str(_("Remove"))


class TabularInline(_Labelled, admin.TabularInline[Any, M]):
    """Rows of another model in the page of an object."""

    extra = 0
    formset = _LabelledFormSet


class ReadOnlyInline(TabularInline[M]):
    """Rows that are shown and never edited."""

    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ModelAdmin(admin.ModelAdmin[M]):
    """A list and a page per object, with actions that are audited."""

    show_full_result_count = False
    list_per_page = 50
    # Shown as buttons on the page of an object, too.
    object_actions: Sequence[str] = ()
    # Whether forms edit what tells who somebody is: the log names fields only.
    is_personal = False
    # Look-ups by which other pages lead to this list, beside its filters.
    linked_by: Sequence[str] = ()

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        is_linked = lookup in self.linked_by
        return is_linked or super().lookup_allowed(lookup, value, request)

    def facts(self, obj: M) -> Facts:
        """Return what the log keeps of an object, read before and after an action.

        Nothing in it may tell who a shopper is.
        """
        own = {field.name for field in self.opts.concrete_fields}
        return {name: getattr(obj, name) for name in STANDING if name in own}

    def formfield_for_dbfield(
        self, db_field: "Field[Any, Any]", request: HttpRequest | None, **kwargs: Any
    ) -> forms.Field | None:
        formfield = super().formfield_for_dbfield(
            db_field,
            request,  # type: ignore[arg-type]  # Django passes None, its stubs do not
            **kwargs,
        )
        if isinstance(formfield, forms.SplitDateTimeField):
            # Two boxes and one label: each needs a name of its own.
            day, time = formfield.widget.widgets
            day.attrs["aria-label"] = f"{db_field.verbose_name}: {_('date')}"
            time.attrs["aria-label"] = f"{db_field.verbose_name}: {_('time')}"
        return formfield

    def save_model(self, request: HttpRequest, obj: M, form: Any, change: Any) -> None:
        # Only what was edited: the rest may have moved since the row was read.
        edited = {field.name for field in self.opts.concrete_fields}
        edited &= set(form.changed_data)
        obj.save(update_fields=edited if change else None)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Tell whether this person may use actions, also where nothing is editable."""
        codename = get_permission_codename("change", self.opts)
        return request.user.has_perm(f"{self.opts.app_label}.{codename}")

    def beside(self, request: HttpRequest, obj: M) -> dict[str, Any]:
        """Return what the page of an object shows beside its own fields."""
        return {}

    def offered_actions(self, request: HttpRequest, obj: M) -> Sequence[str]:
        """Name the actions that make sense for an object as it stands."""
        return self.object_actions

    def ask(
        self,
        request: HttpRequest,
        queryset: QuerySet[M],
        *,
        form: type[forms.Form],
        title: Any,
        do: Callable[[M, dict[str, Any]], object],
    ) -> HttpResponse:
        """Ask for what an action needs on a page of its own, then do it to each.

        The page carries a key: sent twice, it counts once for each object.
        """
        asked = form(request.POST) if "confirmed" in request.POST else form()
        if asked.is_bound and asked.is_valid():
            given = asked.cleaned_data

            def do_once(obj: M) -> Reply:
                claim = _claim(request, obj, given)
                return idempotency.run(claim, lambda: _done(do(obj, given)))

            reason = str(given.get("reason", ""))
            return self.do_to_each(request, queryset, do_once, title, reason=reason)
        objects = list(queryset)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "form": asked,
            "objects": objects,
            "checkbox": ACTION_CHECKBOX_NAME,
            "action": request.POST["action"],
            "next": request.POST.get("next", ""),
            "key": request.POST.get("key") or uuid7().hex,
        }
        return TemplateResponse(request, "admin/ask.html", context)

    def ask_why(
        self,
        request: HttpRequest,
        queryset: QuerySet[M],
        title: Any,
        do: Callable[[M, str], object],
    ) -> HttpResponse:
        """Ask for the reason alone, then do it to each, which gets the reason, too."""
        return self.ask(
            request,
            queryset,
            form=ReasonForm,
            title=title,
            do=lambda obj, given: do(obj, given["reason"]),
        )

    def do_to_each(
        self,
        request: HttpRequest,
        queryset: QuerySet[M],
        do: Callable[[M], object],
        title: Any,
        *,
        reason: str = "",
        calls_out: bool = False,
    ) -> HttpResponse:
        """Do something to each object; write down what was done, show what was not.

        What is done and that it was done are one transaction, but where ``do`` calls a
        provider or carrier: then none may be open.
        """
        run = self._do_and_tell if calls_out else use_case(self._do_and_tell)
        done = 0
        for obj in queryset:
            try:
                run(request, obj, do, title, reason)
            except DomainError as error:
                self.message_user(request, f"{obj}: {error.detail}", messages.ERROR)
            else:
                done += 1
        if done:
            text = ngettext("%(title)s: %(n)s done.", "%(title)s: %(n)s done.", done)
            self.message_user(
                request, text % {"title": title, "n": done}, messages.SUCCESS
            )
        return self.back(request)

    def _do_and_tell(
        self,
        request: HttpRequest,
        obj: M,
        do: Callable[[M], object],
        title: Any,
        reason: str,
    ) -> None:
        before = self.facts(obj)
        result = do(obj)
        if isinstance(result, Reply) and result.is_replayed:
            return
        fresh = self.get_queryset(request).filter(pk=obj.pk).first() if before else None
        after = self.facts(fresh) if fresh else {}
        audit(request, obj, action=title, reason=reason, before=before, after=after)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        return trail.edits_of(form, formsets or (), hides_values=self.is_personal)

    def log_addition(self, request: HttpRequest, obj: M, message: Any) -> Any:
        self._log(request, obj, message, ADDITION)

    def log_change(self, request: HttpRequest, obj: M, message: Any) -> Any:
        self._log(request, obj, message, CHANGE)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[M]) -> Any:
        for obj in queryset:
            self._log(request, obj, _("Removed"), DELETION)

    def _log(self, request: HttpRequest, obj: M, message: Any, flag: int) -> None:
        edits = message if isinstance(message, Edits) else Edits()
        audit(
            request,
            obj,
            action=EDITED[flag] if isinstance(message, Edits) else message,
            before=edits.before,
            after=edits.after,
            flag=flag,
        )

    def back(self, request: HttpRequest) -> HttpResponse:
        """Return to the page the action was started from."""
        target = request.POST.get("next", "")
        if not url_has_allowed_host_and_scheme(
            target, {request.get_host()}, require_https=request.is_secure()
        ):
            target = request.get_full_path()
        return HttpResponseRedirect(target)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: M | None = None,
    ) -> HttpResponse:
        if obj is not None:
            context |= self.beside(request, obj)
            offered = self.offered_actions(request, obj)
            context["object_actions"] = [
                (name, label)
                for name, label in self.get_action_choices(request, [])
                if name in offered
            ]
            context["checkbox"] = ACTION_CHECKBOX_NAME
        return super().render_change_form(
            request, context, add=add, change=change, form_url=form_url, obj=obj
        )


def _claim(request: HttpRequest, obj: Model, given: dict[str, Any]) -> Claim | None:
    key = request.POST.get("key", "")[:64]
    if not key:
        return None
    wish = repr((request.POST["action"], sorted(given.items()))).encode()
    return Claim(
        subject=f"u:{request.user.pk}",
        method="POST",
        path=request.path,
        key=f"{key}/{obj.pk}",
        fingerprint=idempotency.fingerprint("POST", request.path, wish),
    )


def _done(_result: object) -> Reply:
    return Reply(204, "")


class ReadOnlyAdmin(ModelAdmin[M]):
    """Nobody adds, changes or removes these here, whatever their permissions."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReasonForm(forms.Form):
    """Asks why."""

    reason = forms.CharField(label=_("Reason"), max_length=200)


@register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin[IdempotencyRecord]):
    """What was answered to requests that may come twice."""

    list_display = ["created_at", "subject", "method", "path", "key", "status"]
    list_filter = ["method", "status"]
    search_fields = ["=key", "=subject"]
    ordering = ["-id"]
