"""Race 26: what may be used once is used twenty times at the same moment."""

import re

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.core import mail
from django.test import Client, override_settings
from django.urls import reverse

from accounts.models import User
from api import tokens
from tests.concurrency import run_together, told
from tests.factories import UserFactory
from tests.races import payment_mutants

LINK = re.compile(r"http://[^/]+(/\S+)")


@pytest.fixture(autouse=True)
def _letters() -> object:
    backend = "django.core.mail.backends.locmem.EmailBackend"
    with override_settings(EMAIL_BACKEND=backend, ACCOUNT_RATE_LIMITS=False):
        yield


def _link() -> str:
    found = LINK.search(str(mail.outbox[-1].body))
    assert found
    return found[1]


def one_reset_link_used_by_many() -> tuple[int, str]:
    """Return how many passwords were set, and which one opens the door."""
    user = UserFactory.create()
    Client().post(reverse("account_reset_password"), {"email": user.email})
    link, clients = _link(), [Client() for _ in range(20)]
    forms = [client.get(link)["Location"] for client in clients]

    def reset(number: int) -> str:
        password = f"another good password {number}"
        fields = {"password1": password, "password2": password}
        return str(clients[number].post(forms[number], fields)["Location"])

    places = run_together(reset, times=20)
    done = [place for place in places if place == reverse(DONE)]
    user.refresh_from_db()
    works = [n for n in range(20) if user.check_password(f"another good password {n}")]
    assert len(works) == 1
    return len(done), user.password


DONE = "account_reset_password_from_key_done"


def test_race_26_reset_link_sets_one_password() -> None:
    done, _password = one_reset_link_used_by_many()

    assert done == 1


def test_race_26_reset_mutant_is_caught() -> None:
    with payment_mutants.passwords_without_comparing():
        done, _password = one_reset_link_used_by_many()

    assert done > 1


def one_refresh_token_used_by_many() -> tuple[dict[str, int], int]:
    """Return what callers were told, and how many times the sign-in moved on."""
    user = UserFactory.create()
    token = tokens.sign_in(user).refresh
    results = run_together(lambda _number: tokens.refresh(token), times=20)
    pairs = [pair for pair in results if isinstance(pair, tokens.TokenPair)]
    numbers = {tokens._decode(pair.refresh, tokens.REFRESH)["num"] for pair in pairs}
    return told(results), max(numbers)


def test_race_26_refresh_token_has_one_successor() -> None:
    # Within ten seconds the same successor is told again, for a reply may be lost.
    assert one_refresh_token_used_by_many() == ({"ok": 20}, 1)


def test_race_26_refresh_token_used_twice_later_ends_the_sign_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tokens, "_is_recent", lambda _moment: False)
    words, _number = one_refresh_token_used_by_many()

    assert words == {"TokenRefused": 19, "ok": 1}


def test_race_26_refresh_mutant_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_is_recent", lambda _moment: False)
    with payment_mutants.refreshing_without_lock():
        words, _number = one_refresh_token_used_by_many()

    assert words["ok"] > 1


def test_race_26_verification_link_verifies_one_address_once() -> None:
    user = UserFactory.create()
    address = EmailAddress.objects.create(user=user, email=user.email, primary=True)
    key = EmailConfirmationHMAC(address).key
    link = reverse("account_confirm_email", args=[key])

    def confirm(_number: int) -> int:
        return Client().post(link).status_code

    results = run_together(confirm, times=20)

    # Whoever comes after the first is told that the link has been used.
    assert set(results) <= {302, 404}
    assert 302 in results
    assert EmailAddress.objects.filter(user=user, verified=True).count() == 1
    assert User.objects.filter(email=user.email).count() == 1
