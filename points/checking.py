"""Whether one shopper's ledger explains their balance; all of them: ``verify``."""

from dataclasses import dataclass

from common.db import run
from points.models import GENESIS
from points.services import HASH_SQL

CHECK_SQL = f"""
    WITH chain AS (
        SELECT sequence, amount, hash, previous_hash,
               lag(hash, 1, %(genesis)s::bytea) OVER (ORDER BY sequence) AS hash_before,
               {HASH_SQL} AS recomputed
          FROM points_ledgerentry WHERE account_id = %(user_id)s::bigint
    )
    SELECT account.balance,
           coalesce((SELECT sum(amount) FROM chain), 0)::bigint,
           (SELECT count(*) FROM chain
             WHERE hash <> recomputed OR previous_hash <> hash_before),
           account.head_hash = coalesce((SELECT hash FROM chain
                                          ORDER BY sequence DESC LIMIT 1),
                                        %(genesis)s::bytea)
      FROM points_pointaccount AS account WHERE user_id = %(user_id)s::bigint
"""  # noqa: S608 — no input is formatted in


@dataclass(frozen=True, slots=True)
class Check:
    """What a ledger says beside what the account says; amounts are points."""

    balance: int = 0
    total: int = 0
    broken: int = 0
    ends_at_head: bool = True

    @property
    def is_sound(self) -> bool:
        """Tell whether sum, balance and head of the chain agree."""
        return self.balance == self.total and not self.broken and self.ends_at_head


def check(user_id: int) -> Check:
    """Work one ledger out anew; somebody who never had points is sound."""
    rows = run(CHECK_SQL, {"user_id": user_id, "genesis": GENESIS}).rows()
    return Check(*rows[0]) if rows else Check()
