"""Being told when a product is back, and buying what is kept."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from catalog.models import Product
from common.errors import DomainError
from common.languages import reader_language
from inventory import services as inventory
from inventory.links import read_token
from inventory.models import RestockAlert
from shop.guards import from_our_pages, say_no, see_other, shopper_action
from shop.kept import remember_guest
from shop.restock import own_alert, own_alerts, sign_undo
from shop.typing import AuthenticatedHttpRequest, is_fragment, user_id_of
from shop.views.preferences import safe_next


class AlertForm(forms.Form):
    """Where a guest wants to be told."""

    email = forms.EmailField(max_length=254)


@from_our_pages
@require_POST
def ask(request: HttpRequest, product_id: int) -> HttpResponse:
    """Put the shopper, or a guest's e-mail address, into the line for a product."""
    product = get_object_or_404(Product.objects.on_sale(), pk=product_id)
    page = reverse("shop:product", args=[product.slug, product.pk])
    user_id, form = user_id_of(request), AlertForm(request.POST)
    if user_id is None and "email" not in request.POST:
        # From a card: the product's page asks where to.
        return see_other(request, f"{page}#offer")
    if user_id is None and not form.is_valid():
        say_no(request, _("Please enter a valid e-mail address."))
        return see_other(request, page)
    email = "" if user_id is not None else form.cleaned_data["email"].lower()
    known = RestockAlert.objects.of(user_id=user_id, email=email).open()
    was_known = known.filter(product=product).exists()
    try:
        alert = inventory.alert(
            product_id=product.pk,
            user_id=user_id,
            email=email,
            language=reader_language(),
        )
    except DomainError as error:
        say_no(request, error)
        return see_other(request, page)
    text = _("We will tell you when it is back.")
    if is_fragment(request):
        told = {"value": text, "url": page}
        return trigger_client_event(HttpResponse(status=204), "toast", told)
    messages.success(request, text)
    # Whoever types somebody else's address must not undo what that person asked for.
    if user_id is None and not was_known:
        page += f"?alert={sign_undo(alert.pk)}"
    return see_other(request, page if user_id is None else safe_next(request, page))


@from_our_pages
@require_POST
def undo(request: HttpRequest, product_id: int) -> HttpResponse:
    """Leave the line again."""
    product = get_object_or_404(Product, pk=product_id)
    alert = own_alert(request, product)
    if alert is not None:
        inventory.cancel_alert(alert_id=alert.pk)
        messages.success(request, _("We will not tell you."))
    return see_other(request, reverse("shop:product", args=[product.slug, product.pk]))


def kept_page(request: HttpRequest, token: str) -> HttpResponse:
    """Lead from the letter to the product, as the one it is kept for."""
    alert = _alert_of(token)
    product = alert.product
    page = reverse("shop:product", args=[product.slug, product.pk])
    if alert.user_id is not None and alert.user_id != user_id_of(request):
        return redirect_to_login(page)
    response = redirect(page)
    if alert.user_id is None:
        remember_guest(response, alert.email)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def off_page(request: HttpRequest, token: str) -> HttpResponse:
    """Give up what is kept, or the place in the line, without signing in."""
    alert = _alert_of(token)
    # Programs that read letters follow their links: only a press counts.
    if request.method == "POST":
        inventory.cancel_alert(alert_id=alert.pk)
        messages.success(request, _("We will not tell you."))
        return see_other(request, reverse("shop:home"))
    return render(request, "shop/restock/off.html", {"alert": alert})


@login_required
def alerts_page(request: AuthenticatedHttpRequest) -> HttpResponse:
    """List what the shopper waits for, and what became of it."""
    alerts = own_alerts(request.user.pk)
    context = {"alerts": alerts, "nav": "account", "account_nav": "alerts"}
    return render(request, "shop/account/alerts.html", context)


@require_POST
@shopper_action(back="shop:alerts")
def cancel(request: AuthenticatedHttpRequest, alert_id: int) -> HttpResponse:
    """Stop waiting for a product."""
    own = RestockAlert.objects.of(user_id=request.user.pk, email="")
    if own.filter(pk=alert_id).exists():
        inventory.cancel_alert(alert_id=alert_id)
        messages.success(request, _("We will not tell you."))
    return see_other(request, reverse("shop:alerts"))


def _alert_of(token: str) -> RestockAlert:
    alerts = RestockAlert.objects.select_related("product")
    alert = alerts.filter(pk=read_token(token) or 0).first()
    if alert is None:
        raise Http404
    return alert
