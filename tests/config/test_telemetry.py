"""What leaves the shop for those who watch it, and what stays."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_django import Settings

from common import trace
from config import protection, telemetry

EMAIL, CARD = "jimin.park@mail.example", "4242 4242 4242 4242"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand in for packages that are not here; return what they were told."""
    told: dict[str, Any] = {}

    def package(name: str) -> Any:
        if name == "sentry_sdk":
            return SimpleNamespace(init=told.update)
        return SimpleNamespace(
            set_tracer_provider=lambda provider: told.update(provider=provider),
            TracerProvider=lambda resource: SimpleNamespace(
                resource=resource, add_span_processor=lambda _processor: None
            ),
            Resource=SimpleNamespace(create=dict),
            BatchSpanProcessor=lambda exporter: exporter,
            OTLPSpanExporter=object,
            DjangoInstrumentor=lambda: SimpleNamespace(
                instrument=lambda **hooks: told.update(hooks)
            ),
            CeleryInstrumentor=lambda: SimpleNamespace(
                instrument=lambda **_hooks: told.update(celery=True)
            ),
        )

    monkeypatch.setattr(telemetry, "import_module", package)
    monkeypatch.setattr(protection, "find_spec", lambda _module: object())
    return told


def test_nothing_is_started_unasked(installed: dict[str, Any]) -> None:
    telemetry.start()

    assert installed == {}


def test_reports_of_errors_tell_of_nobody(
    installed: dict[str, Any], settings: Settings
) -> None:
    settings.SENTRY_DSN = "https://key@errors.example/1"
    telemetry.start()
    token = trace.request_id.set("request-1")
    event = {
        "user": {"email": EMAIL},
        "breadcrumbs": [{"message": EMAIL}],
        "request": {"method": "POST", "url": f"https://x/?q={EMAIL}", "data": CARD},
        "exception": {
            "values": [
                {
                    "value": f"cannot charge {CARD} of {EMAIL}",
                    "stacktrace": {"frames": [{"vars": {"card": CARD}, "lineno": 7}]},
                }
            ]
        },
    }

    report = installed["before_send"](event)
    trace.request_id.reset(token)

    assert installed["send_default_pii"] is False
    assert installed["include_local_variables"] is False
    text = json.dumps(report)
    assert EMAIL not in text
    assert CARD not in text
    assert report["request"] == {"method": "POST"}
    assert report["tags"]["request"] == "request-1"
    assert report["exception"]["values"][0]["stacktrace"]["frames"] == [{"lineno": 7}]
    assert installed["before_breadcrumb"]({"message": EMAIL}, None) is None


def test_spans_name_the_route_and_not_the_address(
    installed: dict[str, Any], settings: Settings
) -> None:
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://collector.example:4318"
    telemetry.start()
    span: dict[str, str] = {"http.target": f"/search/?q={EMAIL}"}
    request = SimpleNamespace(resolver_match=SimpleNamespace(route="search/"))

    installed["response_hook"](
        SimpleNamespace(set_attribute=span.__setitem__), request, None
    )

    assert installed["celery"]
    assert span["http.target"] == "search/"
    assert EMAIL not in str(span)
