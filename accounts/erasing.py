"""Making nobody of somebody: what is left of an account whose owner is gone."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db.models.functions import Now

from accounts import devices
from accounts.models import Address, CustomerNote, User
from common.db import requires_transaction

# A domain that never gets a letter (RFC 2606).
NOBODY = "deleted-{pk}@deleted.invalid"


@requires_transaction
def lock(user_id: int) -> User:
    """Lock the account that is to go."""
    return User.objects.select_for_update(no_key=True).get(pk=user_id)


@requires_transaction
def erase(user: User) -> None:
    """Drop all that tells who somebody is, sign them out, and close the account."""
    Address.objects.of_user(user.pk).delete()
    CustomerNote.objects.filter(user=user).delete()
    EmailAddress.objects.filter(user=user).delete()
    Authenticator.objects.filter(user=user).delete()
    SocialAccount.objects.filter(user=user).delete()
    devices.end_others(user_id=user.pk, keep="")
    user.refresh_from_db(fields=["token_version"])
    user.email = NOBODY.format(pk=user.pk)
    user.name = user.phone = ""
    user.wants_marketing_email = user.wants_marketing_sms = False
    user.is_active = False
    user.erased_at = Now()
    user.set_unusable_password()
    user.save()
