"""Reading, writing, taking back, and judging reviews."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from catalog.models import Product
from catalog.texts import local_name
from common.errors import DomainError
from reviews import pictures, selectors
from reviews import services as reviews
from reviews.errors import PhotoRefused, TooManyPhotos
from reviews.models import (
    LONGEST_TEXT,
    MAX_PHOTOS,
    SHORTEST_TEXT,
    STARS,
    ReportReason,
    Review,
    ReviewSort,
)
from shop.guards import from_our_pages, say_no, see_other
from shop.reviews import PLACE, reviews_context, reviews_url
from shop.typing import AuthenticatedHttpRequest, is_fragment, user_id_of

MOST_SHOWN = 100
WAITING_SHOWN = 12
ACCOUNT = {"nav": "account", "account_nav": "reviews"}


class ReviewForm(forms.Form):
    """Stars and words; the photos come beside it, as files."""

    rating = forms.TypedChoiceField(
        label=gettext_lazy("Stars"),
        choices=[(str(number), str(number)) for number in reversed(STARS)],
        coerce=int,
    )
    text = forms.CharField(
        label=gettext_lazy("Your review"),
        min_length=SHORTEST_TEXT,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea({"rows": 6}),
    )
    without_photos = forms.TypedMultipleChoiceField(coerce=int, required=False)

    def __init__(self, *args: Any, own: Review | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kept = list(own.photos.all()) if own else []
        self.fields["without_photos"].choices = [  # type: ignore[attr-defined]  # a choice field's
            (str(photo.pk), "") for photo in self.kept
        ]


class ReportForm(forms.Form):
    """What is wrong with a review."""

    reason = forms.ChoiceField(
        label=gettext_lazy("What is wrong?"), choices=ReportReason
    )


@require_GET
def section(request: HttpRequest, product_id: int) -> HttpResponse:
    """Show a part of a product's reviews; without htmx the product page does."""
    product = get_object_or_404(Product.objects.on_sale(), pk=product_id)
    page = reverse("shop:product", args=[product.slug, product.pk])
    if not is_fragment(request):
        query = request.GET.urlencode()
        return see_other(request, f"{page}?{query}#{PLACE}")
    context = {"product": product, "product_page": page}
    context |= reviews_context(request, product)
    response = render(request, "shop/parts/_reviews.html", context)
    response["HX-Push-Url"] = f"{page}?{request.GET.urlencode()}"
    return response


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def review_page(request: AuthenticatedHttpRequest, product_id: int) -> HttpResponse:
    """Write one's review of a product, or change it."""
    product = get_object_or_404(Product.objects.on_sale(), pk=product_id)
    standing = selectors.standing(request.user.pk, product.pk)
    own = standing.own
    given = {"rating": own.rating, "text": own.text} if own else {}
    form = ReviewForm(request.POST or None, initial=given, own=own)
    is_sent = request.method == "POST" and form.is_valid()
    if is_sent and _save(request, product, own, form):
        return see_other(request, reverse("shop:my-reviews"))
    context = {
        "product": product,
        "standing": standing,
        "form": form,
        "stars": list(STARS),
        "most_photos": MAX_PHOTOS,
        "most_megabytes": pictures.MAX_BYTES >> 20,
        "shortest": SHORTEST_TEXT,
        **ACCOUNT,
    }
    return render(request, "shop/reviews/write.html", context)


@login_required
def reviews_page(request: AuthenticatedHttpRequest) -> HttpResponse:
    """List what the shopper wrote, and what they could write about."""
    own = Review.objects.of_user(request.user.pk).kept()
    rows = own.in_order(ReviewSort.NEWEST).select_related("product")
    rows = rows.annotate(shown_name=local_name("product"))
    context = {
        "reviews": rows.prefetch_related("photos")[:MOST_SHOWN],
        "waiting": selectors.to_review(request.user.pk, limit=WAITING_SHOWN),
        **ACCOUNT,
    }
    return render(request, "shop/account/reviews.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: AuthenticatedHttpRequest, review_id: int) -> HttpResponse:
    """Ask once, then take one's review back."""
    own = Review.objects.of_user(request.user.pk).kept().select_related("product")
    review = get_object_or_404(own, pk=review_id)
    if request.method == "POST":
        reviews.withdraw(user_id=request.user.pk, review_id=review.pk)
        messages.success(request, _("Your review is gone."))
        return see_other(request, reverse("shop:my-reviews"))
    return render(request, "shop/reviews/withdraw.html", {"review": review, **ACCOUNT})


@from_our_pages
@require_POST
def helpful(request: HttpRequest, review_id: int) -> HttpResponse:
    """Call a review helpful, or no longer."""
    review = _published(review_id)
    user_id, place = user_id_of(request), reviews_url(review.product)
    if user_id is None:
        login = redirect_to_login(place)
        return HttpResponseClientRedirect(login.url) if is_fragment(request) else login
    vote = reviews.take_back_vote if request.POST.get("vote") == "no" else reviews.vote
    try:
        counted = vote(user_id=user_id, review_id=review.pk)
    except DomainError as error:
        say_no(request, error)
        return see_other(request, place)
    if not is_fragment(request):
        return see_other(request, place)
    counted.is_voted = vote is reviews.vote  # type: ignore[attr-defined]  # as annotated
    return render(request, "shop/parts/_helpful.html", {"review": counted})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def report(request: AuthenticatedHttpRequest, review_id: int) -> HttpResponse:
    """Ask what is wrong with a review, and tell staff."""
    review = _published(review_id)
    form = ReportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reason = ReportReason(form.cleaned_data["reason"])
        try:
            reviews.report(user_id=request.user.pk, review_id=review.pk, reason=reason)
        except DomainError as error:
            say_no(request, error)
        else:
            messages.success(request, _("Thank you. We will look at it."))
        return see_other(request, reviews_url(review.product))
    is_reported = review.reports.filter(user=request.user.pk, resolved_at=None).exists()
    context = {
        "review": review,
        "form": form,
        "reasons": ReportReason.choices,
        "is_reported": is_reported,
    }
    return render(request, "shop/reviews/report.html", context)


def _save(
    request: AuthenticatedHttpRequest,
    product: Product,
    own: Review | None,
    form: ReviewForm,
) -> bool:
    """Write what the form says; tell the form why not."""
    given = form.cleaned_data
    words = {"rating": given["rating"], "text": given["text"]}
    try:
        photos = pictures.read(request.FILES.getlist("photos"))
        if own is None:
            reviews.write(
                user_id=request.user.pk, product_id=product.pk, photos=photos, **words
            )
        else:
            reviews.edit(
                user_id=request.user.pk,
                review_id=own.pk,
                photos=photos,
                without_photos=given["without_photos"],
                **words,
            )
    except (PhotoRefused, TooManyPhotos) as error:
        form.add_error("without_photos", str(error.detail))
        return False
    except DomainError as error:
        form.add_error(None, str(error.detail))
        return False
    messages.success(request, _("Thank you! We read your review before others do."))
    return True


def _published(review_id: int) -> Review:
    shown = Review.objects.published().select_related("product", "user")
    review = shown.filter(pk=review_id).first()
    if review is None:
        raise Http404
    return review
