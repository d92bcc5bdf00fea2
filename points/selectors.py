"""Whether the latest of the ledger adds up, cheaply enough for a page."""

from common.db import run

# So many entries are looked at; "verify" looks at all.
NEWEST = 500
MISMATCHED_SQL = """
    SELECT count(*)
      FROM points_pointaccount AS account
     WHERE account.user_id IN (
           SELECT newest.account_id
             FROM (SELECT account_id FROM points_ledgerentry
                    ORDER BY id DESC LIMIT %(newest)s::bigint) AS newest)
       AND account.balance IS DISTINCT FROM (
           SELECT coalesce(sum(entry.amount), 0) FROM points_ledgerentry AS entry
            WHERE entry.account_id = account.user_id)
"""


def mismatched() -> int:
    """Count the accounts of the newest entries whose balance is not their sum."""
    return int(run(MISMATCHED_SQL, {"newest": NEWEST}).rows()[0][0])
