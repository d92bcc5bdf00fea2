"""The point ledger explains every balance, and nobody has altered it."""

from common.invariants import Invariant
from points.models import GENESIS
from points.services import COUNTER_ACCOUNTS, HASH_SQL

INVARIANTS = [
    Invariant(
        id="I1",
        title="A balance is the sum of its entries and never negative",
        sql="""
            SELECT account.user_id, format('balance %%s, entries sum to %%s',
                       account.balance, coalesce(entries.total, 0))
              FROM points_pointaccount AS account
              LEFT JOIN (SELECT account_id, sum(amount) AS total
                           FROM points_ledgerentry GROUP BY account_id) AS entries
                ON entries.account_id = account.user_id
             WHERE account.balance <> coalesce(entries.total, 0) OR account.balance < 0
        """,
        hint="Keys are users. The entries are the truth: find who wrote the balance.",
    ),
    Invariant(
        id="I2",
        title="Ledger entries are numbered without gaps and carry the balance on",
        sql="""
            WITH chain AS (
                SELECT account_id, sequence, amount, balance_after,
                       row_number() OVER ledger AS place,
                       lag(balance_after, 1, 0::bigint) OVER ledger AS balance_before
                  FROM points_ledgerentry
                WINDOW ledger AS (PARTITION BY account_id ORDER BY sequence)
            ), last AS (
                SELECT account_id, max(sequence) AS sequence
                  FROM points_ledgerentry GROUP BY account_id
            )
            SELECT account_id || '/' || sequence,
                   format('is number %%s; %%s %%s is not %%s', place, balance_before,
                          to_char(amount, 'SG999999999999990'), balance_after)
              FROM chain
             WHERE sequence <> place OR balance_after <> balance_before + amount
             UNION ALL
            SELECT user_id::text,
                   format('the account counts %%s, the last entry is %%s',
                          last_sequence, coalesce(last.sequence, 0))
              FROM points_pointaccount
              LEFT JOIN last ON last.account_id = user_id
             WHERE last_sequence <> coalesce(last.sequence, 0)
        """,
        hint="Keys are user/sequence. An entry was removed, inserted or altered.",
    ),
    Invariant(
        id="I2b",
        title="Each ledger entry has the counter account of its kind",
        sql="""
            SELECT entry.account_id || '/' || entry.sequence,
                   format('%%s against %%s', entry.kind, entry.counter_account)
              FROM points_ledgerentry AS entry
              LEFT JOIN unnest(%(kinds)s::text[], %(counter_accounts)s::text[])
                     AS sides (kind, counter_account)
                ON sides.kind = entry.kind
             WHERE sides.counter_account IS DISTINCT FROM entry.counter_account
        """,
        params=lambda: {
            "kinds": [kind.value for kind in COUNTER_ACCOUNTS],
            "counter_accounts": [side.value for side in COUNTER_ACCOUNTS.values()],
        },
        hint="Keys are user/sequence. The entry moves points from the wrong account.",
    ),
    Invariant(
        id="I2c",
        title="The hash chain of each ledger holds, up to the account's head",
        sql=f"""
            WITH chain AS (
                SELECT account_id, sequence, hash, previous_hash,
                       lag(hash, 1, %(genesis)s::bytea) OVER ledger AS hash_before,
                       {HASH_SQL} AS recomputed
                  FROM points_ledgerentry
                WINDOW ledger AS (PARTITION BY account_id ORDER BY sequence)
            ), last AS (
                SELECT DISTINCT ON (account_id) account_id, hash
                  FROM points_ledgerentry ORDER BY account_id, sequence DESC
            )
            SELECT account_id || '/' || sequence,
                   CASE WHEN hash <> recomputed THEN 'the entry is not what was hashed'
                        ELSE 'does not follow the entry before it' END
              FROM chain
             WHERE hash <> recomputed OR previous_hash <> hash_before
             UNION ALL
            SELECT user_id::text, 'the head is not the last entry''s hash'
              FROM points_pointaccount
              LEFT JOIN last ON last.account_id = user_id
             WHERE head_hash <> coalesce(last.hash, %(genesis)s::bytea)
        """,  # noqa: S608 — no input is formatted in
        params=lambda: {"genesis": GENESIS},
        hint="Keys are user/sequence. Compare with a backup: history was rewritten.",
    ),
]
