"""Everybody's point ledger while history is written, chained as the shop chains it."""

from hashlib import sha256
from typing import Any

from django.db import connection

from demo.seed.moments import MINUTE, aware
from demo.seed.tables import ACCOUNTS, ENTRIES, Writer
from points.models import GENESIS, EntryKind
from points.services import COUNTER_ACCOUNTS

# What the charge form offers, in points.
CHIPS = (10_000, 30_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)
SETTLE_SQL = """
    UPDATE points_pointaccount AS account
       SET balance = head.balance, last_sequence = head.sequence,
           head_hash = head.hash, updated_at = head.at
      FROM unnest(%(users)s::bigint[], %(balances)s::bigint[], %(sequences)s::bigint[],
                  %(hashes)s::bytea[], %(times)s::timestamptz[])
           AS head (user_id, balance, sequence, hash, at)
     WHERE account.user_id = head.user_id
"""


class Ledger:
    """Balances, heads and entries; users are given by id."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._balances: dict[int, int] = {}
        self._sequences: dict[int, int] = {}
        self._heads: dict[int, bytes] = {}
        self._times: dict[int, int] = {}

    def open(self, user_id: int, at: int) -> None:
        """Open an empty account."""
        self._writer.add(ACCOUNTS, (user_id, aware(at)))
        self._balances[user_id] = self._sequences[user_id] = 0
        self._heads[user_id] = GENESIS
        self._times[user_id] = at

    def use(
        self, user_id: int, amount: int, *, reference: str, key: str, at: int
    ) -> None:
        """Debit points; they are charged a minute before if there are too few."""
        while (missing := amount - self._balances[user_id]) > 0:
            chip = next((chip for chip in CHIPS if chip >= missing), CHIPS[-1])
            self.charge(user_id, chip, at=at - MINUTE)
        self._post(user_id, EntryKind.USE, -amount, reference, key, at)

    def charge(self, user_id: int, amount: int, *, at: int) -> None:
        """Credit points that were bought."""
        key = f"charge/{self._sequences[user_id] + 1}"
        self._post(user_id, EntryKind.CHARGE, amount, "", key, at)

    def refund(
        self, user_id: int, amount: int, *, reference: str, key: str, at: int
    ) -> None:
        """Give the points of an order back."""
        self._post(user_id, EntryKind.REFUND, amount, reference, key, at)

    def settle(self) -> None:
        """Write balances and heads, once the entries are written."""
        users = list(self._balances)
        params: dict[str, Any] = {
            "users": users,
            "balances": list(self._balances.values()),
            "sequences": list(self._sequences.values()),
            "hashes": list(self._heads.values()),
            "times": [aware(self._times[user]) for user in users],
        }
        with connection.cursor() as cursor:
            cursor.execute(SETTLE_SQL, params)

    def _post(
        self,
        user_id: int,
        kind: EntryKind,
        amount: int,
        reference: str,
        key: str,
        at: int,
    ) -> None:
        # Entries of one account follow each other also in time.
        at = max(at, self._times[user_id] + 1)
        balance = self._balances[user_id] + amount
        sequence = self._sequences[user_id] + 1
        counter = COUNTER_ACCOUNTS[kind].value
        facts = (user_id, sequence, counter, kind.value, amount, balance, reference)
        text = "|".join(map(str, (*facts, key, at)))
        before = self._heads[user_id]
        head = sha256(before + text.encode()).digest()
        row = (user_id, counter, kind.value, amount, balance, sequence, reference, key)
        self._writer.add(ENTRIES, (*row, before, head, aware(at)))
        self._balances[user_id], self._sequences[user_id] = balance, sequence
        self._heads[user_id], self._times[user_id] = head, at
