"""The address book's limits, also when two tabs are quick."""

import pytest

from accounts import services as accounts
from accounts.errors import AddressBookFull, AddressKnown
from accounts.models import ADDRESS_FIELDS, Address
from tests.concurrency import run_together
from tests.factories import AddressFactory, UserFactory

HOME = {
    "recipient": "Kim Min-ji",
    "phone": "+82 10-1234-5678",
    "postal_code": "04524",
    "line1": "110 Sejong-daero",
    "line2": "",
    "city": "Seoul",
    "country": "KR",
}


@pytest.mark.django_db(transaction=True)
def test_book_holds_twenty_also_when_many_write_at_once() -> None:
    user = UserFactory.create()
    AddressFactory.create_batch(accounts.MAX_ADDRESSES - 2, user=user)

    results = run_together(
        lambda number: accounts.add_address(
            user_id=user.pk, address=HOME | {"line2": f"Flat {number}"}
        ),
        times=6,
    )

    assert sum(isinstance(result, Address) for result in results) == 2
    assert sum(isinstance(result, AddressBookFull) for result in results) == 4
    assert Address.objects.filter(user=user).count() == accounts.MAX_ADDRESSES


@pytest.mark.django_db(transaction=True)
def test_same_address_is_written_once_also_by_two_tabs() -> None:
    user = UserFactory.create()

    results = run_together(
        lambda _number: accounts.add_address(user_id=user.pk, address=HOME), times=4
    )

    assert sum(isinstance(result, Address) for result in results) == 1
    assert sum(isinstance(result, AddressKnown) for result in results) == 3


@pytest.mark.django_db
def test_same_address_in_other_letters_is_the_same() -> None:
    user = UserFactory.create()
    first = accounts.add_address(user_id=user.pk, address=HOME)
    other = accounts.add_address(user_id=user.pk, address=HOME | {"line2": "7F"})
    accounts.add_address(user_id=UserFactory.create().pk, address=HOME)

    loud = HOME | {"recipient": "KIM MIN-JI", "city": "SEOUL"}
    with pytest.raises(AddressKnown):
        accounts.add_address(user_id=user.pk, address=loud)
    with pytest.raises(AddressKnown):
        accounts.change_address(user_id=user.pk, address_id=other.pk, address=HOME)

    accounts.change_address(user_id=user.pk, address_id=first.pk, address=loud)
    other.refresh_from_db()
    assert other.line2 == "7F"
    assert Address.objects.filter(user=user).count() == 2
    assert set(HOME) == set(ADDRESS_FIELDS)
