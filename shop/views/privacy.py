"""Being observed or not, and what one does not want to be shown."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from analytics import privacy
from catalog.models import Product
from common.errors import DomainError
from shop.guards import is_from_here, say_no, see_other, shopper_action
from shop.observing import (
    agree,
    dismissed_by_visitor,
    refuse,
    remember_dismissed,
    visitor_id,
)
from shop.storefront import storefront_of
from shop.typing import AuthenticatedHttpRequest, is_fragment, user_id_of
from shop.views.preferences import safe_next

ANSWERS = {"yes": True, "no": False}


@require_safe
def privacy_page(request: HttpRequest) -> HttpResponse:
    """Show what was chosen, and which products are not wanted."""
    user_id = user_id_of(request)
    hidden = Product.objects.on_sale().order_by("name", "pk").only("name", "slug")
    if user_id is None:
        hidden = hidden.filter(pk__in=dismissed_by_visitor(request))
        consents = bool(visitor_id(request))
    else:
        hidden = hidden.filter(pk__in=privacy.dismissed_by(user_id))
        consents = bool(storefront_of(request).counts.consents)
    context = {
        "consents": consents,
        "hidden": list(hidden),
        "nav": "account" if user_id else "",
        "account_nav": "privacy",
    }
    return render(request, "shop/account/privacy.html", context)


# The question stands on cached pages as well, so it carries no token.
@csrf_exempt
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Take the answer to the question on every page, or the switch of the page."""
    response = HttpResponseRedirect(safe_next(request), status=303)
    answer = ANSWERS.get(request.POST.get("observe", ""))
    # A consent must be genuine.
    if answer is None or not is_from_here(request):
        return response
    user_id = user_id_of(request)
    if user_id is not None:
        privacy.choose(user_id=user_id, consents=answer)
        return response
    known = visitor_id(request)
    if answer and not known:
        agree(response)
    elif not answer:
        refuse(response)
        if known:
            privacy.forget_visitor(known)
    return response


@require_POST
@shopper_action(back="shop:privacy")
def switch(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Turn recommendations on or off."""
    wants = ANSWERS.get(request.POST.get("recommendations", ""))
    if wants is not None:
        privacy.choose(user_id=request.user.pk, wants_recommendations=wants)
        messages.success(request, _("Saved."))
    return see_other(request, reverse("shop:privacy"))


@require_POST
def dismiss(request: HttpRequest, product_id: int) -> HttpResponse:
    """Do not show somebody a product in any list again; offer to undo it."""
    response = _done(request, product_id)
    user_id = user_id_of(request)
    if user_id is None:
        remember_dismissed(response, [*dismissed_by_visitor(request), product_id])
        return response
    try:
        privacy.dismiss(user_id=user_id, product_id=product_id)
    except DomainError as error:
        say_no(request, error)
        return see_other(request, safe_next(request))
    return response


@require_POST
def undo(request: HttpRequest, product_id: int) -> HttpResponse:
    """Let a product be shown again."""
    response = see_other(request, safe_next(request, reverse("shop:privacy")))
    user_id = user_id_of(request)
    if user_id is None:
        kept = [key for key in dismissed_by_visitor(request) if key != product_id]
        remember_dismissed(response, kept)
    else:
        privacy.undo_dismissal(user_id=user_id, product_id=product_id)
    return response


def _done(request: HttpRequest, product_id: int) -> HttpResponse:
    if is_fragment(request):
        context = {"product_id": product_id, "next": safe_next(request)}
        return render(request, "shop/parts/_dismissed.html", context)
    return see_other(request, safe_next(request))
