"""Pairs of products as they were last made, and whether lists made of them pay."""

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from analytics import recommendations, trial
from analytics.models import ItemPair, PairKind, PairRun
from common.admin import ReadOnlyAdmin, action, register


@register(ItemPair)
class ItemPairAdmin(ReadOnlyAdmin[ItemPair]):
    """What goes with what."""

    list_display = ["product", "other", "kind", "score", "together", "orders"]
    list_select_related = ["product", "other"]
    list_filter = ["kind"]
    search_fields = ["=product__sku", "product__name"]
    ordering = ["-score", "product_id", "other_id"]
    show_full_result_count = False


@register(PairRun)
class PairRunAdmin(ReadOnlyAdmin[PairRun]):
    """The runs of the night, and the test of what they are good for."""

    list_display = ["kind", "computed_at", "pairs", "changed", "seconds"]
    actions = ["make_again"]
    object_actions = ["make_again"]
    change_list_template = "admin/analytics/pairrun.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.trial_page)
        return [path("trial/", view, name="analytics_trial"), *super().get_urls()]

    def trial_page(self, request: HttpRequest) -> HttpResponse:
        """Show how recommended and plain lists do."""
        if not self.has_view_permission(request):
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Recommendations against plain lists"),
            "rows": trial.report(),
            "days": trial.DAYS,
        }
        return TemplateResponse(request, "admin/analytics/trial.html", context)

    @action(_("Make these pairs again"))
    def make_again(
        self, request: HttpRequest, queryset: QuerySet[PairRun]
    ) -> HttpResponse:
        made = [recommendations.make_pairs(PairKind(run.kind)) for run in queryset]
        self.message_user(
            request,
            _("Rows that differed: %(changed)s.")
            % {"changed": sum(one.changed for one in made)},
        )
        return self.back(request)
