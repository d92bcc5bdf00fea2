"""The page of the provider that is only a test: payers choose how it goes."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from payments import tasks
from payments.gateways import sandbox
from payments.gateways.sandbox import Script
from payments.models import SandboxPayment, SandboxState

# What each button says, and what it does.
CHOICES: dict[Script, tuple[Promise, Promise]] = {
    Script.SUCCESS: (_("Pay"), _("The money is taken, and the shop is told.")),
    Script.DECLINE: (_("Decline"), _("The bank says no. Nothing is taken.")),
    Script.LATE: (
        _("Pay late"),
        _("The money comes about 20 seconds after you are back in the shop."),
    ),
    Script.TWICE: (
        _("Pay, told twice"),
        _("The shop hears of it two times, and has to count it once."),
    ),
    Script.OUT_OF_ORDER: (
        _("Pay, told out of order"),
        _("The end of the story reaches the shop before its beginning."),
    ),
    Script.LOST: (
        _("Pay, never told"),
        _("No message reaches the shop: it has to ask."),
    ),
    Script.TIMEOUT_AFTER_CAPTURE: (
        _("Pay, answer lost"),
        _("The money is taken, but the answer to the shop gets lost on its way."),
    ),
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sandbox_page(request: HttpRequest, reference: str) -> HttpResponse:
    """Let a payer decide; the shop hears of it as it would from a real provider."""
    payment = _find(reference)
    if request.method == "POST":
        script = request.POST.get("script", "")
        if script in CHOICES:
            _decide(payment, Script(script))
            return HttpResponseRedirect(payment.return_url, status=303)
    context = {
        "payment": payment,
        "is_open": payment.state == SandboxState.OPEN and not payment.script,
        "choices": [(script.value, *texts) for script, texts in CHOICES.items()],
    }
    return render(request, "shop/sandbox.html", context)


def _find(reference: str) -> SandboxPayment:
    payment = SandboxPayment.objects.filter(pk=reference).first()
    if "sandbox" not in settings.PAYMENT_GATEWAYS or payment is None:
        raise Http404
    return payment


def _decide(payment: SandboxPayment, script: Script) -> None:
    if payment.script:
        return
    webhooks = sandbox.decide(payment.reference, script)
    tasks.tell(webhooks)
    if script == Script.LATE:
        tasks.tell_late(payment.reference)
