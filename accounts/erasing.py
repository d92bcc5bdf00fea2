"""Making nobody of somebody: what is left of an account whose owner is gone."""

import pgtrigger
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from accounts import devices
from accounts.models import Address, CustomerNote, User
from common.db import requires_transaction
from common.traces import Traces

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


def words_of(user: User) -> list[str]:
    """Return what leads to somebody: names, addresses, numbers of phones."""
    proved = EmailAddress.objects.filter(user=user).values_list("email", flat=True)
    homes = Address.objects.of_user(user.pk)
    lines = homes.values_list("recipient", "phone", "line1")
    return [
        user.email,
        user.name,
        user.phone,
        *proved,
        *(w for row in lines for w in row),
    ]


@requires_transaction
def forget_in_log(traces: Traces) -> int:
    """Take somebody's name out of what staff did; return of how many rows."""
    named = list(
        LogEntry.objects.filter(traces.within("object_repr", "change_message"))
    )
    with pgtrigger.ignore("common.AuditRow:append_only"):
        for entry in named:
            LogEntry.objects.filter(pk=entry.pk).update(
                object_repr=traces.without(entry.object_repr)[:200],
                change_message=traces.without(entry.change_message),
            )
    return len(named)


def end_sessions(user_id: int, traces: Traces) -> int:
    """End the sessions of somebody that no device stands beside; return how many.

    Reads all sessions, for the store cannot be asked whose they are.
    """
    ended = []
    for session in Session.objects.iterator():
        kept = session.get_decoded()
        is_own = kept.get("_auth_user_id") == str(user_id)
        if is_own or traces.without(text := str(kept)) != text:
            ended.append(session.pk)
    Session.objects.filter(pk__in=ended).delete()
    return len(ended)
