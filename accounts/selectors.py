"""What a purchase asks about its shopper, without the price of a model."""

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
