"""What staff do for a customer's account, and against one."""

from accounts import devices
from accounts.errors import BlockedAlready, NotACustomer
from accounts.models import CustomerNote, User
from common.db import requires_transaction, use_case


@use_case
def sign_out(*, user_id: int) -> int:
    """End every web session and token of a customer; return from how many devices.

    Raises ``NotACustomer``.
    """
    _lock(user_id)
    return devices.end_others(user_id=user_id, keep="")


@use_case
def block(*, user_id: int) -> None:
    """Sign a customer out and let them in no more.

    Raises ``NotACustomer`` or ``BlockedAlready``.
    """
    user = _lock(user_id)
    if not user.is_active:
        raise BlockedAlready(is_blocked=True)
    devices.end_others(user_id=user_id, keep="")
    User.objects.filter(pk=user_id).update(is_active=False)


@use_case
def unblock(*, user_id: int) -> None:
    """Let a customer in again. Raises ``NotACustomer`` or ``BlockedAlready``."""
    if _lock(user_id).is_active:
        raise BlockedAlready(is_blocked=False)
    User.objects.filter(pk=user_id).update(is_active=True)


@use_case
def write_note(*, user_id: int, text: str, author_id: int) -> CustomerNote:
    """Write down what other staff should know. Raises ``NotACustomer``."""
    _lock(user_id)
    return CustomerNote.objects.create(user_id=user_id, text=text, author_id=author_id)


@requires_transaction
def _lock(user_id: int) -> User:
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    if user.erased_at or user.is_staff or user.is_superuser:
        raise NotACustomer(is_erased=user.erased_at is not None)
    return user
