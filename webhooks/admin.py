"""Other systems: who they are, what they were sent, and their secrets, once."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.admin import ModelAdmin, action, display, register, short, tag
from common.admin_flow import age
from common.errors import DomainError
from outbox.admin import panel_of
from outbox.flow import OTHERS, flow
from outbox.models import Dispatch
from webhooks import services as webhooks
from webhooks.models import Endpoint
from webhooks.selectors import Standing, deliveries, standings
from webhooks.topics import CHOICES

SHOWN = 20


class EndpointForm(forms.ModelForm[Endpoint]):
    """Asks where to, and what of."""

    url = forms.URLField(label=_("address"), max_length=500, assume_scheme="https")
    topics = forms.MultipleChoiceField(
        label=_("topics"), choices=[(name, name) for name in CHOICES]
    )

    class Meta:
        model = Endpoint
        fields = ["url", "description", "topics"]

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            webhooks.check(url)
        except DomainError as error:
            why = error.extra["why"]
            raise forms.ValidationError(f"{error.detail} ({why})") from None
        return url


@register(Endpoint)
class EndpointAdmin(ModelAdmin[Endpoint]):
    """What was sent stands on each one's page; all of it in the outbox's list."""

    form = EndpointForm
    list_display = [
        "url",
        "description",
        "topic_names",
        "state",
        "waiting",
        "given_up",
        "oldest",
        "created_at",
    ]
    change_list_template = "admin/flow.html"
    search_fields = ["url", "description"]
    ordering = ["-id"]
    actions = ["rotate", "switch_on", "switch_off"]
    object_actions = ["rotate", "switch_on", "switch_off"]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        shown: dict[str, Any] = {}
        if request.method == "GET":
            shown = {"panel": panel_of(flow(OTHERS)), "links": _links(request)}
        return super().changelist_view(request, (extra_context or {}) | shown)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        found = super().get_changelist_instance(request)
        standing = standings(list(found.result_list))
        for endpoint in found.result_list:
            endpoint.standing = standing.get(endpoint.subscriber, Standing())
        return found

    def get_fields(self, request: HttpRequest, obj: Endpoint | None = None) -> Any:
        asked = ["url", "description", "topics"]
        return asked if obj is None else [*asked, "state", "sent"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Endpoint | None = None
    ) -> list[str]:
        return [] if obj is None else ["state", "sent"]

    def save_model(
        self, request: HttpRequest, obj: Endpoint, form: Any, change: Any
    ) -> None:
        given = form.cleaned_data
        if change:
            webhooks.change(endpoint_id=obj.pk, **given)
            return
        made = webhooks.create(**given)
        obj.pk, obj.secret = made.pk, made.secret
        self._show_secret(request, made)

    def delete_model(self, request: HttpRequest, obj: Endpoint) -> None:
        webhooks.remove(endpoint_id=obj.pk)

    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[Endpoint]
    ) -> None:
        for endpoint in queryset:
            webhooks.remove(endpoint_id=endpoint.pk)

    def offered_actions(self, request: HttpRequest, obj: Endpoint) -> list[str]:
        return ["rotate", "switch_off" if obj.is_enabled else "switch_on"]

    @display(description=_("topics"))
    def topic_names(self, endpoint: Endpoint) -> str:
        return ", ".join(endpoint.topics)

    @display(description=_("state"))
    def state(self, endpoint: Endpoint) -> SafeString:
        if endpoint.is_enabled:
            return tag("good", _("On"))
        return tag("bad", f"{_('Off')}: {endpoint.disabled_because}")

    @display(description=_("waiting"))
    def waiting(self, endpoint: Endpoint) -> str:
        return f"{_standing(endpoint).waiting:,}"

    @display(description=_("given up"))
    def given_up(self, endpoint: Endpoint) -> SafeString:
        number = _standing(endpoint).dead
        return tag("bad" if number else "good", f"{number:,}")

    @display(description=_("oldest of them"))
    def oldest(self, endpoint: Endpoint) -> str:
        return age(_standing(endpoint).oldest)

    @display(description=_("deliveries"))
    def sent(self, endpoint: Endpoint) -> SafeString:
        every = reverse("admin:outbox_dispatch_changelist")
        query = urlencode({"subscriber": endpoint.subscriber})
        rows = format_html_join(
            SafeString(""),
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (_row(dispatch) for dispatch in deliveries(endpoint)[:SHOWN]),
        )
        link = format_html('<a href="{}?{}">{}</a>', every, query, _("All of them"))
        return format_html("<table>{}</table>{}", rows, link)

    @action(_("New secret"))
    def rotate(
        self, request: HttpRequest, queryset: QuerySet[Endpoint]
    ) -> HttpResponse:
        def rotate(endpoint: Endpoint) -> None:
            fresh = webhooks.rotate_secret(endpoint_id=endpoint.pk)
            self._show_secret(request, fresh)

        return self.do_to_each(request, queryset, rotate, _("New secret"))

    @action(_("Switch on"))
    def switch_on(
        self, request: HttpRequest, queryset: QuerySet[Endpoint]
    ) -> HttpResponse:
        return self._switch(request, queryset, _("Switch on"), is_enabled=True)

    @action(_("Switch off"))
    def switch_off(
        self, request: HttpRequest, queryset: QuerySet[Endpoint]
    ) -> HttpResponse:
        return self._switch(request, queryset, _("Switch off"), is_enabled=False)

    def _switch(
        self,
        request: HttpRequest,
        queryset: QuerySet[Endpoint],
        title: Any,
        *,
        is_enabled: bool,
    ) -> HttpResponse:
        return self.do_to_each(
            request,
            queryset,
            lambda endpoint: webhooks.change(
                endpoint_id=endpoint.pk, is_enabled=is_enabled
            ),
            title,
        )

    def _show_secret(self, request: HttpRequest, endpoint: Endpoint) -> None:
        text = _("The secret, shown this once: %(secret)s")
        self.message_user(request, text % {"secret": endpoint.secret}, messages.WARNING)


def _standing(endpoint: Endpoint) -> Standing:
    found: Standing = getattr(endpoint, "standing", Standing())
    return found


def _links(request: HttpRequest) -> list[tuple[Any, str]]:
    links = []
    if request.user.has_perm("webhooks.add_endpoint"):
        links.append(
            (_("Add webhook endpoint"), reverse("admin:webhooks_endpoint_add"))
        )
    if request.user.has_perm("outbox.view_dispatch"):
        every = reverse("admin:outbox_dispatch_changelist")
        links.append((_("All deliveries"), f"{every}?subscriber={OTHERS}"))
    return links


def _row(dispatch: Dispatch) -> tuple[Any, ...]:
    page = reverse("admin:outbox_dispatch_change", args=[dispatch.pk])
    event = dispatch.event
    named = format_html('<a href="{}">{}</a>', page, event.topic)
    if dispatch.handled_at:
        state = tag("info", _("Handled"))
    elif dispatch.dead_at:
        state = tag("bad", _("Given up"))
    elif dispatch.delivered_at:
        state = tag("good", _("Delivered"))
    else:
        state = tag("warn", _("On its way"))
    tries = _("%(n)s tries") % {"n": dispatch.attempts}
    return short(event.occurred_at), named, state, tries, dispatch.last_error
