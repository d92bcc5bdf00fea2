"""Taking one's data along, and deleting the account."""

from allauth.account.adapter import get_adapter
from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.logout import logout
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from checkout import erasing
from common.days import shop_day
from common.errors import DomainError
from orders.erasing import unfinished
from points import services as points
from shop.guards import see_other
from shop.my_data import document
from shop.typing import AuthenticatedHttpRequest

NAV = {"nav": "account", "account_nav": "security"}


class DeleteForm(forms.Form):
    """The password once more, and the word that points may go."""

    gives_up_points = forms.BooleanField(
        label=gettext_lazy("My points may be lost"), required=False
    )
    password = forms.CharField(
        label=gettext_lazy("Your password"),
        max_length=256,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )


@login_required
def data_page(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Say what the document holds, and offer it."""
    return render(request, "shop/account/data.html", NAV)


@login_required
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
@require_safe
def download(request: AuthenticatedHttpRequest) -> StreamingHttpResponse:
    """Send everything the shop holds about the shopper, as it is read."""
    name = f"dojang-{shop_day(timezone.now())}.json"
    return StreamingHttpResponse(
        document(request.user),
        content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
        },
    )


@login_required
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def delete_page(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Say what goes and what stays, ask for the password, delete the account."""
    form = DeleteForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _erase(request, form):
        logout(request, show_message=False)
        messages.success(request, _("Your account is deleted. Thank you, and goodbye."))
        return see_other(request, reverse("shop:home"))
    context = {
        "form": form,
        "waiting": unfinished(request.user.pk),
        "balance": points.balance_of(request.user.pk),
    }
    page, status = "shop/account/delete.html", 422 if form.errors else 200
    return render(request, page, context | NAV, status=status)


def _erase(request: AuthenticatedHttpRequest, form: DeleteForm) -> bool:
    try:
        # Wrong ones are counted as they are at the door.
        proved = get_adapter().reauthenticate(
            request.user, form.cleaned_data["password"]
        )
    except ValidationError as error:
        form.add_error("password", error)
        return False
    if not proved:
        form.add_error("password", _("This is not your password."))
        return False
    try:
        erasing.erase_account(
            user_id=request.user.pk,
            gives_up_points=form.cleaned_data["gives_up_points"],
        )
    except DomainError as error:
        form.add_error(None, str(error))
        return False
    return True
