"""The books are read at one instant, and only read."""

from collections.abc import Sequence

import pytest
from django.db import connection

from common.invariants import snapshot


@pytest.mark.django_db(transaction=True)
def test_verify_reads_one_instant_and_cannot_write() -> None:
    def settings_of(names: Sequence[str]) -> list[str]:
        with connection.cursor() as cursor:
            values = []
            for name in names:
                cursor.execute("SELECT current_setting(%s)", [name])
                values.append(cursor.fetchone()[0])
        return values

    with snapshot():
        inside = settings_of(["transaction_isolation", "transaction_read_only", "jit"])

    assert inside == ["repeatable read", "on", "off"]
    assert settings_of(["transaction_read_only"]) == ["off"]
