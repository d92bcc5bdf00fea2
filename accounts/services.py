"""The only code that changes a shopper's profile and address book.

Changes of an address book lock the shopper's row first: at most one address is the
default, and the first one always is.
"""

from collections.abc import Mapping

from accounts import devices
from accounts.errors import AddressBookFull, AddressKnown, AddressNotFound
from accounts.models import Address, AddressQuerySet, User
from common.db import requires_transaction, use_case

MAX_ADDRESSES = 20


@use_case
def add_address(
    *, user_id: int, address: Mapping[str, str], is_default: bool = False
) -> Address:
    """Write a new address (the fields of ``ADDRESS_FIELDS``) into the book.

    Raises ``AddressKnown`` or ``AddressBookFull``.
    """
    _lock(user_id)
    own = Address.objects.of_user(user_id)
    _refuse_twin(own, address)
    count = own.count()
    if count >= MAX_ADDRESSES:
        raise AddressBookFull(limit=MAX_ADDRESSES)
    if is_default:
        own.filter(is_default=True).update(is_default=False)
    return Address.objects.create(
        user_id=user_id, is_default=is_default or count == 0, **address
    )


@use_case
def change_address(
    *, user_id: int, address_id: int, address: Mapping[str, str]
) -> Address:
    """Correct an address; orders keep their copy.

    Raises ``AddressNotFound``, or ``AddressKnown`` if another one is the same.
    """
    _lock(user_id)
    found = _find(user_id, address_id)
    _refuse_twin(Address.objects.of_user(user_id).exclude(pk=found.pk), address)
    for name, value in address.items():
        setattr(found, name, value)
    found.save(update_fields=list(address))
    return found


@use_case
def make_default(*, user_id: int, address_id: int) -> None:
    """Let checkout offer this address first. Raises ``AddressNotFound``."""
    _lock(user_id)
    found = _find(user_id, address_id)
    Address.objects.of_user(user_id).filter(is_default=True).update(is_default=False)
    found.is_default = True
    found.save(update_fields=["is_default"])


@use_case
def remove_address(*, user_id: int, address_id: int) -> None:
    """Drop an address; the newest one left becomes the default if it was.

    Raises ``AddressNotFound``.
    """
    _lock(user_id)
    found = _find(user_id, address_id)
    found.delete()
    heir = Address.objects.of_user(user_id).order_by("-pk").first()
    if found.is_default and heir is not None:
        heir.is_default = True
        heir.save(update_fields=["is_default"])


@use_case
def change_profile(*, user_id: int, name: str, phone: str, marketing: str) -> None:
    """Set name, phone and whether marketing mail is wanted ("yes" or "no")."""
    _lock(user_id)
    User.objects.filter(pk=user_id).update(
        name=name, phone=phone, wants_marketing_email=marketing == "yes"
    )


@use_case
def choose_language(*, user_id: int, language: str) -> None:
    """Write letters to somebody in another language (a code of ``LANGUAGES``)."""
    User.objects.filter(pk=user_id).update(language=language)


@use_case
def set_consents(*, user_id: int, consents: Mapping[str, bool]) -> None:
    """Give or withdraw the consent to offers by "email" and "sms"."""
    _lock(user_id)
    User.objects.filter(pk=user_id).update(
        **{f"wants_marketing_{channel}": given for channel, given in consents.items()}
    )


@use_case
def replace_password(*, user_id: int, proved: str, password: str) -> bool:
    """Store a new password (both are hashes) if it is still the ``proved`` one.

    False if somebody was quicker: what allowed the change may be used once.
    """
    changed = User.objects.filter(pk=user_id, password=proved)
    return changed.update(password=password) == 1


@use_case
def change_password(
    *, user_id: int, proved: str, password: str, keep: str = ""
) -> User | None:
    """Store a new password (both are hashes) and sign out everywhere but ``keep``.

    ``keep`` is a session's key. Returns the user as they are then, or ``None`` if the
    password is not the ``proved`` one any more.
    """
    if not replace_password(user_id=user_id, proved=proved, password=password):
        return None
    devices.end_others(user_id=user_id, keep=keep)
    return User.objects.get(pk=user_id)


def _refuse_twin(others: AddressQuerySet, address: Mapping[str, str]) -> None:
    same = {f"{name}__iexact": value for name, value in address.items()}
    if others.filter(**same).exists():
        raise AddressKnown


@requires_transaction
def _lock(user_id: int) -> User:
    return User.objects.select_for_update(no_key=True).get(pk=user_id)


def _find(user_id: int, address_id: int) -> Address:
    found = Address.objects.of_user(user_id).filter(pk=address_id).first()
    if found is None:
        raise AddressNotFound
    return found
