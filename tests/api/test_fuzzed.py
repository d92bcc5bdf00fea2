"""A handful of what ``make fuzz`` tries, the same one each time.

Bodies that fit the description go to what moves money and goods, as a shopper who has
things: each is accepted, or refused for a reason that no schema can hold.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings

from api.pages import description
from contract.known import settings_of
from contract.rules import judged, unexplained
from tests import tools
from tests.api.bodies import make_world
from tests.api.client import Api
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
RULES = settings.BASE_DIR / "contract" / "schemathesis.toml"
CASES = 2
TRIED = {
    *("orders_create", "orders_pay", "payments_create", "quotes_create"),
    *("points_charge", "points_use", "coupons_issue", "cart_add", "cart_replace"),
    "reviews_create",
}
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance"),
)
FIRST_ERROR = 400
once_and_alike = hypothesis_settings(
    max_examples=CASES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def handler() -> Iterator[WSGIHandler]:
    """Return the shop as a server sees it; it keeps the connection of the test."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield WSGIHandler()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def described(world: dict[str, Any], app: WSGIHandler) -> Any:
    """Return the description as the fuzzer reads it, with ids that lead somewhere."""
    known = ("product", "order", "coupon", "campaign", "address", "review")
    found = {f"{name}_id": [world[name]] for name in known}
    schemathesis = tools.module("schemathesis")
    config = tools.module("schemathesis.config").SchemathesisConfig
    made = schemathesis.openapi.from_dict(
        description(), config=config.from_str(RULES.read_text() + settings_of(found))
    )
    made.app = app
    return made


def cases_of(operation: Any) -> list[Any]:
    """Draw what fits an operation, in a way that does not depend on luck."""
    drawn = []

    @once_and_alike
    @given(operation.as_strategy())
    def draw(case: Any) -> None:
        drawn.append(case)

    draw()
    return drawn


def faults_of(case: Any, api: Api) -> str:
    """Send a case, undo what it did, and return what is wrong with the answer."""
    case = judged(case)
    case.headers = {**(case.headers or {}), **api.headers}
    known = tools.module("schemathesis.checks").CHECKS
    with transaction.atomic():
        answer = case.call()
        transaction.set_rollback(True)
    try:
        case.validate_response(answer, checks=known.get_by_names(CHECKS))
    except BaseExceptionGroup as failures:
        return "; ".join(str(failure) for failure in failures.exceptions)
    if answer.status_code < FIRST_ERROR:
        return ""
    return unexplained(answer.status_code, answer.json(), case.headers)


def test_what_fits_is_taken_or_refused_by_a_rule(handler: WSGIHandler) -> None:
    shopper, other = UserFactory.create(points=1_000_000), UserFactory.create()
    schema = described(make_world(shopper, other), handler)
    operations = [found.ok() for found in schema.get_all_operations()]
    api = Api(shopper)

    chosen = [
        operation
        for operation in operations
        if operation.definition.raw["operationId"] in TRIED
    ]
    faults = {
        operation.label: fault
        for operation in chosen
        for case in cases_of(operation)
        if (fault := faults_of(case, api))
    }

    assert len(chosen) == len(TRIED)
    assert faults == {}
