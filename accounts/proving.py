"""Tokens of letters: that an address is one's own, and that one may set a password."""

from allauth.account import app_settings
from allauth.account.forms import UserTokenForm
from allauth.account.models import EmailAddress
from django.core import signing

from accounts import devices
from accounts.errors import ResetInvalid, VerificationInvalid, VerificationOver
from accounts.models import User
from common.db import requires_transaction, use_case

DAY = 24 * 3600  # seconds


@requires_transaction
def lock_address(token: str) -> EmailAddress:
    """Lock the unproved address that a letter's token is about.

    Whoever comes second finds it proved. Raises ``VerificationInvalid`` for a token
    that is no letter's, and ``VerificationOver`` for one that is used or too old.
    """
    age = app_settings.EMAIL_CONFIRMATION_EXPIRE_DAYS * DAY
    try:
        pk = signing.loads(token, max_age=age, salt=app_settings.SALT)
    except signing.SignatureExpired:
        raise VerificationOver from None
    except signing.BadSignature:
        raise VerificationInvalid from None
    known = EmailAddress.objects.select_for_update(no_key=True).filter(pk=pk)
    address = known.filter(verified=False).first()
    if address is None:
        raise VerificationOver
    return address


def resetter(token: str) -> User:
    """Return who may set a new password by a letter's token.

    The token is void once the password has changed. Raises ``ResetInvalid``.
    """
    name, _dash, key = token.partition("-")
    form = UserTokenForm(data={"uidb36": name, "key": key})
    if not form.is_valid() or not form.reset_user.is_active:
        raise ResetInvalid
    user: User = form.reset_user
    return user


@use_case
def take_over(*, user_id: int, email: str) -> bool:
    """Give an account to whom another service has shown to own its address.

    Whoever opened it with an address that they never proved is out: their password is
    void, and every sign-in ends. False if the address was proved before.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    address, _is_new = EmailAddress.objects.get_or_create(
        user=user, email=email.lower(), defaults={"primary": user.email == email}
    )
    if address.verified:
        return False
    user.set_unusable_password()
    user.save(update_fields=["password"])
    devices.end_others(user_id=user_id, keep="")
    address.verified = True
    address.save(update_fields=["verified"])
    return True
