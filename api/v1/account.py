"""The shopper's own profile and address book."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypedDict, TypeVar

from django.http import HttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from accounts import services as accounts
from accounts.errors import AddressNotFound
from accounts.models import ADDRESS_FIELDS, Address, User
from api.conditions import IF_MATCH, change_if_match, tagged
from api.fields import AddressInput, Input, StrictBoolean, StrictText, clean
from api.idempotency import once, once_silently
from api.schema import operation
from api.shapes import AddressJson, ListJson
from api.subjects import resolve_subject
from api.typing import AuthenticatedRequest
from api.v1.own_data import LEAVE, leave
from api.views import PersonalView
from common.db import use_case

R = TypeVar("R")


class ProfileJson(TypedDict):
    """Who somebody is."""

    id: int
    email: str
    name: str
    phone: str
    language: str
    wants_marketing_email: bool
    is_staff: bool
    created_at: datetime


class SavedAddressJson(AddressJson):
    """An address of the book."""

    id: int
    is_default: bool


class ProfileInput(Input):
    name = StrictText(max_length=150, allow_blank=True, required=False)
    phone = StrictText(max_length=32, allow_blank=True, required=False)
    wants_marketing_email = StrictBoolean(required=False)


class SavedAddressInput(AddressInput):
    is_default = StrictBoolean(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.partial and not attrs:
            raise ValidationError("Send at least one field.", "required")
        return attrs


PROFILE = ProfileInput()
SAVED_ADDRESS = SavedAddressInput()
CHANGED_ADDRESS = SavedAddressInput(partial=True)
EXAMPLE = {
    "recipient": "Kim Min-ji",
    "phone": "+82 10-1234-5678",
    "postal_code": "04524",
    "line1": "110 Sejong-daero",
    "city": "Seoul",
}


class ProfileView(PersonalView):
    """The profile."""

    cache_control = "private, no-cache"

    @operation("users_me", "Show the profile", reply={200: ProfileJson})
    def get(self, request: AuthenticatedRequest) -> Response:
        """Show who is signed in."""
        return Response(profile(request.user))

    @operation(
        "users_update-me",
        "Change the profile",
        body=PROFILE,
        example={"name": "Kim Min-ji"},
        reply={200: ProfileJson},
        headers=[IF_MATCH],
        keyed="yes",
        problems=(412,),
    )
    def patch(self, request: AuthenticatedRequest) -> HttpResponse:
        """Change name, phone or consent; what is not sent stays."""
        asked = clean(PROFILE, request)
        own = User.objects.filter(pk=request.user.pk)

        @use_case
        def change() -> ProfileJson:
            # What is not sent stays as it is by now, not as it was a moment ago.
            user = own.select_for_update(no_key=True).get()
            wants = asked.get("wants_marketing_email", user.wants_marketing_email)
            accounts.change_profile(
                user_id=user.pk,
                name=asked.get("name", user.name),
                phone=asked.get("phone", user.phone),
                marketing="yes" if wants else "no",
            )
            return profile(own.get())

        def change_if_same() -> ProfileJson:
            return change_if_match(
                request, change, lock=own, read=lambda: profile(own.get())
            )

        return tagged(once(request, change_if_same))

    @operation(
        "users_delete-me",
        "Delete the account",
        body=LEAVE,
        example={"password": "correct horse battery"},
        reply={204: None},
        problems=(400, 409),
    )
    def delete(self, request: AuthenticatedRequest) -> HttpResponse:
        """Close the account and take its name off everything, at once and for good.

        It takes the password, or a sign-in of the last five minutes. Orders and the
        points' ledger stay without a name. Who has orders under way cannot go yet (409
        `account_still_needed`); who has points says that they may be lost.
        """
        leave(request)
        return HttpResponse(status=204)


class AddressListView(PersonalView):
    """The address book."""

    cache_control = "private, no-cache"

    @operation(
        "addresses_list", "List addresses", reply={200: ListJson[SavedAddressJson]}
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """List the shopper's addresses, the usual one first."""
        own = Address.objects.of_user(request.user.pk).order_by("-is_default", "-pk")
        return Response({"items": [address_json(address) for address in own]})

    @operation(
        "addresses_create",
        "Add an address",
        body=SAVED_ADDRESS,
        example=EXAMPLE,
        reply={201: SavedAddressJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest) -> HttpResponse:
        """Write an address into the book; the first one is the default."""
        asked = clean(SAVED_ADDRESS, request)
        is_default = asked.pop("is_default", False)

        def add() -> SavedAddressJson:
            added = accounts.add_address(
                user_id=request.user.pk, address=asked, is_default=is_default
            )
            return address_json(added)

        return once(
            request, add, status=201, location="/api/v1/users/me/addresses/{id}"
        )


class AddressView(PersonalView):
    """One address of the book."""

    cache_control = "private, no-cache"

    @operation("addresses_retrieve", "Show an address", reply={200: SavedAddressJson})
    def get(self, request: AuthenticatedRequest, address_id: int) -> Response:
        """Show one of the shopper's own addresses."""
        return Response(address_json(_own(request.user.pk, address_id)))

    @operation(
        "addresses_update",
        "Replace an address",
        body=SAVED_ADDRESS,
        example=EXAMPLE,
        reply={200: SavedAddressJson},
        headers=[IF_MATCH],
        keyed="yes",
        problems=(412,),
    )
    def put(self, request: AuthenticatedRequest, address_id: int) -> HttpResponse:
        """Write an address anew; orders keep their copy."""
        asked = clean(SAVED_ADDRESS, request)
        empty = {"line2": "", "country": "KR"}
        return _change(request, address_id, empty | asked)

    @operation(
        "addresses_partial-update",
        "Correct an address",
        body=CHANGED_ADDRESS,
        example={"line2": "7F"},
        reply={200: SavedAddressJson},
        headers=[IF_MATCH],
        keyed="yes",
        problems=(412,),
    )
    def patch(self, request: AuthenticatedRequest, address_id: int) -> HttpResponse:
        """Correct what is sent; orders keep their copy."""
        return _change(request, address_id, clean(CHANGED_ADDRESS, request))

    @operation(
        "addresses_destroy",
        "Drop an address",
        reply={204: None},
        headers=[IF_MATCH],
        keyed="yes",
        problems=(412,),
    )
    def delete(self, request: AuthenticatedRequest, address_id: int) -> HttpResponse:
        """Take an address out of the book."""

        def remove() -> None:
            accounts.remove_address(user_id=request.user.pk, address_id=address_id)

        return once_silently(request, lambda: _if_same(request, address_id, remove))


class AddressDefaultView(PersonalView):
    """The address that checkout offers first."""

    @operation(
        "addresses_make-default",
        "Make an address the default",
        reply={200: SavedAddressJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, address_id: int) -> HttpResponse:
        """Let checkout offer this address first; doing it twice changes nothing."""
        user_id = request.user.pk

        def choose() -> SavedAddressJson:
            accounts.make_default(user_id=user_id, address_id=address_id)
            return address_json(_own(user_id, address_id))

        return once(request, choose)


class UserView(PersonalView):
    """Somebody's profile: one's own, or anybody's for staff who may act for them."""

    @operation(
        "users_retrieve",
        "Show a user",
        reply={200: ProfileJson},
        problems=(403, 404),
    )
    def get(self, request: AuthenticatedRequest, user_id: int | None) -> Response:
        """Show one's own profile; staff who may act for any see those of others."""
        subject = resolve_subject(request, user_id)
        return Response(profile(User.objects.get(pk=subject)))


def profile(user: User) -> ProfileJson:
    return {
        "id": user.pk,
        "email": user.email,
        "name": user.name,
        "phone": user.phone,
        "language": user.language,
        "wants_marketing_email": user.wants_marketing_email,
        "is_staff": user.is_staff,
        "created_at": user.created_at,
    }


def address_json(address: Address) -> SavedAddressJson:
    return {
        "id": address.pk,
        "is_default": address.is_default,
        "recipient": address.recipient,
        "phone": address.phone,
        "postal_code": address.postal_code,
        "line1": address.line1,
        "line2": address.line2,
        "city": address.city,
        "country": address.country,
    }


def _own(user_id: int, address_id: int) -> Address:
    found = Address.objects.of_user(user_id).filter(pk=address_id).first()
    if found is None:
        raise AddressNotFound
    return found


def _change(
    request: AuthenticatedRequest, address_id: int, asked: dict[str, Any]
) -> HttpResponse:
    user_id = request.user.pk
    fields = {name: asked[name] for name in ADDRESS_FIELDS if name in asked}

    def change() -> SavedAddressJson:
        _own(user_id, address_id)
        if fields:
            accounts.change_address(
                user_id=user_id, address_id=address_id, address=fields
            )
        if asked.get("is_default"):
            accounts.make_default(user_id=user_id, address_id=address_id)
        return address_json(_own(user_id, address_id))

    return tagged(once(request, lambda: _if_same(request, address_id, change)))


def _if_same(
    request: AuthenticatedRequest, address_id: int, effect: Callable[[], R]
) -> R:
    """Do it unless the address has changed; whoever writes one locks its owner."""
    user_id = request.user.pk
    return change_if_match(
        request,
        effect,
        lock=User.objects.filter(pk=user_id),
        read=lambda: address_json(_own(user_id, address_id)),
    )
