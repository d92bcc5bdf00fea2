"""The queue of reviews: read, let through or not, answered. Nobody rewrites them."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import truncatechars
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.admin import (
    ReadOnlyAdmin,
    ReadOnlyInline,
    action,
    display,
    register,
    short,
    tag,
)
from common.audit import Facts
from reviews import pictures
from reviews import services as reviews
from reviews.models import (
    HIGHEST,
    LONGEST_ANSWER,
    POOR,
    Review,
    ReviewReport,
    ReviewState,
)

KINDS = {
    ReviewState.PENDING: "warn",
    ReviewState.PUBLISHED: "good",
    ReviewState.REJECTED: "bad",
    ReviewState.WITHDRAWN: "info",
}
EXCERPT = 140
REVIEW_FIELDS = (
    "product",
    "user",
    "stars",
    "text",
    "thumbs",
    "standing",
    "reason",
    "decided_by",
    "decided_at",
    "answer",
    "answered_by",
    "answered_at",
    "helpful_count",
    "open_reports",
    "written_at",
    "edited_at",
)
REPORT_FIELDS = ("reported_at", "user", "reason", "resolved_at")


class AnswerForm(forms.Form):
    """Asks for the shop's reply; an empty one takes the reply away."""

    text = forms.CharField(
        label=_("Reply"),
        max_length=LONGEST_ANSWER,
        required=False,
        widget=forms.Textarea({"rows": 4}),
    )


class QueueFilter(SimpleListFilter):
    """Keeps what has to be looked at."""

    title = _("to look at")
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("New, edited or reported")), ("reported", _("Reported"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Review]
    ) -> QuerySet[Review]:
        if self.value() == "open":
            return queryset & Review.objects.to_moderate()
        if self.value() == "reported":
            return queryset.filter(open_reports__gt=0)
        return queryset


class StarsFilter(SimpleListFilter):
    """Keeps the unhappy ones, or those of one rating."""

    title = _("stars")
    parameter_name = "stars"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        each = [(str(stars), str(stars)) for stars in range(HIGHEST, 0, -1)]
        return [("poor", _("%(stars)s and fewer") % {"stars": POOR}), *each]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Review]
    ) -> QuerySet[Review]:
        value = self.value()
        if value == "poor":
            return queryset.filter(rating__lte=POOR)
        return queryset.filter(rating=value) if value else queryset


class PhotosFilter(SimpleListFilter):
    """Keeps those that show something: pictures have to be looked at."""

    title = _("photos")
    parameter_name = "photos"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("With photos"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Review]
    ) -> QuerySet[Review]:
        if self.value() == "yes":
            return queryset & Review.objects.with_photos()
        return queryset


class ReportInline(ReadOnlyInline[ReviewReport]):
    """Who thinks that it should not be there."""

    model = ReviewReport
    fields = REPORT_FIELDS
    readonly_fields = REPORT_FIELDS
    verbose_name_plural = _("reports")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReviewReport]:
        return super().get_queryset(request).select_related("user")


@register(Review)
class ReviewAdmin(ReadOnlyAdmin[Review]):
    """What buyers write is theirs: staff decide about it and answer it."""

    list_display = [
        "written",
        "stars",
        "excerpt",
        "thumbs",
        "standing",
        "reports",
        "product",
    ]
    list_filter = [QueueFilter, "state", StarsFilter, PhotosFilter]
    list_select_related = ["product"]
    search_fields = ["text", "=user__email", "=product__sku"]
    ordering = ["-id"]
    actions = ["publish", "reject", "answer"]
    object_actions = ["publish", "reject", "answer"]
    inlines = [ReportInline]
    fields = REVIEW_FIELDS
    readonly_fields = REVIEW_FIELDS

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        return super().get_queryset(request).prefetch_related("photos")

    def facts(self, obj: Review) -> Facts:
        reply = _("yes") if obj.answer else _("no")
        return {"state": obj.state, "reply": reply, "open reports": obj.open_reports}

    def offered_actions(self, request: HttpRequest, obj: Review) -> Sequence[str]:
        can = {
            "publish": obj.can_become(ReviewState.PUBLISHED) or obj.open_reports > 0,
            "reject": obj.can_become(ReviewState.REJECTED),
            "answer": obj.is_published,
        }
        return [name for name in self.object_actions if can[name]]

    @display(description=_("written"), ordering="id")
    def written(self, obj: Review) -> str:
        return short(obj.edited_at or obj.written_at)

    @display(description=_("stars"), ordering="rating")
    def stars(self, obj: Review) -> SafeString:
        return tag("bad" if obj.rating <= POOR else "info", f"{obj.rating} / {HIGHEST}")

    @display(description=_("text"))
    def excerpt(self, obj: Review) -> SafeString:
        # What is approved is what was read: the number travels with the row.
        return format_html(
            '{}<input type="hidden" name="{}" value="{}">',
            truncatechars(obj.text, EXCERPT),
            f"seen-{obj.pk}",
            obj.version,
        )

    @display(description=_("photos"))
    def thumbs(self, obj: Review) -> SafeString | str:
        shown = [
            (pictures.url(str(photo.image)), _small(photo), _("Photo of a buyer"))
            for photo in obj.photos.all()
        ]
        link = '<a class="photo" href="{}"><img src="{}" alt="{}" height="56"></a>'
        return format_html_join(" ", link, shown) if shown else "–"

    @display(description=_("state"), ordering="state")
    def standing(self, obj: Review) -> SafeString:
        return tag(KINDS[ReviewState(obj.state)], obj.get_state_display())

    @display(description=_("reports"), ordering="open_reports")
    def reports(self, obj: Review) -> SafeString | str:
        if not obj.open_reports:
            return "–"
        page = reverse("admin:reviews_review_change", args=[obj.pk])
        mark = tag("warn", obj.open_reports)
        return format_html('<a href="{}">{}</a>', page, mark)

    @action(_("Publish, or keep published"))
    def publish(
        self, request: HttpRequest, queryset: QuerySet[Review]
    ) -> HttpResponse | None:
        """Let everybody read them, as they were when they were shown."""
        return self.do_to_each(
            request,
            queryset,
            lambda review: reviews.publish(
                review_id=review.pk,
                actor_id=request.user.pk,
                version=_seen(request, review),
            ),
            _("Publish"),
        )

    @action(_("Reject, or take down"))
    def reject(
        self, request: HttpRequest, queryset: QuerySet[Review]
    ) -> HttpResponse | None:
        """Ask for the reason, which their authors read."""
        return self.ask_why(
            request,
            queryset,
            _("Reject"),
            lambda review, reason: reviews.reject(
                review_id=review.pk, reason=reason, actor_id=request.user.pk
            ),
        )

    @action(_("Reply"))
    def answer(
        self, request: HttpRequest, queryset: QuerySet[Review]
    ) -> HttpResponse | None:
        """Ask for the shop's reply, which stands below the review."""
        return self.ask(
            request,
            queryset,
            form=AnswerForm,
            title=_("Reply"),
            do=lambda review, given: reviews.answer(
                review_id=review.pk, text=given["text"], actor_id=request.user.pk
            ),
        )


def _small(photo: Any) -> str:
    return pictures.url(pictures.small_name(str(photo.image)))


def _seen(request: HttpRequest, review: Review) -> int | None:
    seen = request.POST.get(f"seen-{review.pk}", "")
    return int(seen) if seen.isascii() and seen.isdigit() else None
