"""What a purchase asks about its shopper, without the price of a model."""

from allauth.account.models import EmailAddress

from accounts.models import ADDRESS_FIELDS
from common.db import run

USUAL_ADDRESS_SQL = f"""
    SELECT {", ".join(ADDRESS_FIELDS)} FROM accounts_address
     WHERE user_id = %(user_id)s::bigint AND is_default
"""  # noqa: S608 — only our own column names are formatted in


def usual_address(user_id: int) -> dict[str, str]:
    """Return a copy of the shopper's default address; empty if they have none."""
    rows = run(USUAL_ADDRESS_SQL, {"user_id": user_id}).rows()
    return dict(zip(ADDRESS_FIELDS, rows[0], strict=True)) if rows else {}


def proved_emails(user_id: int) -> list[str]:
    """Return the addresses that a letter to them has shown to be the user's."""
    proved = EmailAddress.objects.filter(user_id=user_id, verified=True)
    return list(proved.order_by("pk").values_list("email", flat=True))
