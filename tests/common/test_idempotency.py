"""What is sent twice takes effect once."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models.functions import Now
from psycopg import errors as pg

from catalog.models import Category
from common import idempotency
from common.errors import Conflict, Mismatch
from common.idempotency import Claim, InFlight, Reply
from common.models import IdempotencyRecord
from tests.factories import CategoryFactory

pytestmark = pytest.mark.django_db


def _claim(subject: str = "u:1", key: str = "k", body: bytes = b"{}") -> Claim:
    digest = idempotency.fingerprint("POST", "/things", body)
    return Claim(subject, "POST", "/things", key, digest)


def _effect() -> Reply:
    return Reply(201, CategoryFactory.create().slug)


def test_second_request_gets_the_first_one_s_reply() -> None:
    first = idempotency.run(_claim(), _effect)
    again = idempotency.run(_claim(), _effect)

    assert not first.is_replayed
    assert again == Reply(first.status, first.body, is_replayed=True)
    assert Category.objects.count() == 1


def test_other_keys_and_people_have_effects_of_their_own() -> None:
    for claim in (_claim(), _claim(key="l"), _claim(subject="u:2")):
        assert not idempotency.run(claim, _effect).is_replayed

    assert Category.objects.count() == 3


def test_without_a_key_every_request_counts() -> None:
    for _ in range(2):
        assert not idempotency.run(None, _effect).is_replayed

    assert (Category.objects.count(), IdempotencyRecord.objects.count()) == (2, 0)


def test_key_of_another_request_is_refused() -> None:
    idempotency.run(_claim(), _effect)

    with pytest.raises(Mismatch):
        idempotency.run(_claim(body=b"[]"), _effect)

    assert Category.objects.count() == 1


def test_refused_request_may_be_sent_again() -> None:
    def refuse() -> Reply:
        CategoryFactory.create()
        raise Conflict("not now")

    with pytest.raises(Conflict):
        idempotency.run(_claim(), refuse)

    assert (Category.objects.count(), IdempotencyRecord.objects.count()) == (0, 0)
    assert idempotency.run(_claim(), _effect).status == 201


def test_request_whose_first_copy_takes_too_long_is_told_so() -> None:
    timed_out = OperationalError("canceling statement due to lock timeout")
    timed_out.__cause__ = pg.LockNotAvailable("lock timeout")

    with pytest.raises(InFlight):
        idempotency.recover(_claim(), timed_out)


def test_fingerprint_tells_method_path_and_body_apart() -> None:
    parts = [("POST", "/a", b"x"), ("PUT", "/a", b"x"), ("POST", "/b", b"x")]
    parts += [("POST", "/a", b"y"), ("POST", "/", b"ax")]

    assert len({idempotency.fingerprint(*part) for part in parts}) == 5


def test_old_replies_are_forgotten() -> None:
    idempotency.run(_claim(key="old"), _effect)
    IdempotencyRecord.objects.update(created_at=Now() - timedelta(days=365))
    idempotency.run(_claim(key="new"), _effect)

    assert idempotency.forget_old() == 1

    assert IdempotencyRecord.objects.get().key == "new"
