"""Errors for Sentry and traces for OpenTelemetry: each if it has an address.

Their packages are no part of the shop; they are looked for only when they are wanted.
What leaves the shop is cleared as lines of the log are.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from common import trace
from config.logs import HIDDEN, scrubbed
from config.protection import extras

# Parts of a report that hold what shoppers sent or who they are.
UNTOLD = ("user", "breadcrumbs", "extra", "server_name")
KEPT_OF_REQUEST = ("method",)
DEEPEST = 12


def start() -> None:
    """Start what the settings ask for; raise ``ImproperlyConfigured`` without it."""
    if lacking := extras():
        raise ImproperlyConfigured(lacking)
    if settings.SENTRY_DSN:
        _start_sentry()
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        _start_tracing()


def _start_sentry() -> None:
    sentry: Any = import_module("sentry_sdk")
    sentry.init(
        dsn=settings.SENTRY_DSN,
        environment=settings.SHOP_ENV,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        traces_sample_rate=0.0,
        before_send=cleared,
        before_breadcrumb=lambda *_given: None,
    )


def cleared(event: dict[str, Any], _hint: Any = None) -> dict[str, Any]:
    """Return a report without what tells of shoppers; with the ids to find it by."""
    kept = {name: value for name, value in event.items() if name not in UNTOLD}
    request = kept.pop("request", None) or {}
    kept["request"] = {name: request.get(name) for name in KEPT_OF_REQUEST}
    kept["tags"] = {
        **(kept.get("tags") or {}),
        "request": trace.request_id.get(),
        "trace": trace.trace_id.get(),
        "order": trace.order_id.get(),
    }
    return {name: _cleared(value, DEEPEST) for name, value in kept.items()}


def _cleared(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return scrubbed(value)
    if not depth:
        return HIDDEN
    if isinstance(value, Mapping):
        return {
            key: _cleared(each, depth - 1)
            for key, each in value.items()
            if key not in {"vars", "pre_context", "post_context"}
        }
    if isinstance(value, list | tuple):
        return [_cleared(each, depth - 1) for each in value]
    return value


def _start_tracing() -> None:
    """Send a span per request and task; statements go without their values."""
    api: Any = import_module("opentelemetry.trace")
    sdk: Any = import_module("opentelemetry.sdk.trace")
    resources: Any = import_module("opentelemetry.sdk.resources")
    export: Any = import_module("opentelemetry.sdk.trace.export")
    otlp: Any = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    resource = resources.Resource.create(
        {"service.name": f"dojang-{settings.SHOP_PROCESS}"}
    )
    provider = sdk.TracerProvider(resource=resource)
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    api.set_tracer_provider(provider)
    for name, instrumentor in (
        ("django", "DjangoInstrumentor"),
        ("celery", "CeleryInstrumentor"),
    ):
        module: Any = import_module(f"opentelemetry.instrumentation.{name}")
        getattr(module, instrumentor)().instrument(**_hooks(name))


def _hooks(name: str) -> dict[str, Any]:
    return {"response_hook": _clear_span} if name == "django" else {}


def _clear_span(span: Any, request: Any, _response: Any) -> None:
    """Name the route in the place of the address, which can hold what was typed."""
    match = getattr(request, "resolver_match", None)
    route = match.route if match else HIDDEN
    for attribute in ("http.target", "http.url", "url.path", "url.full", "url.query"):
        span.set_attribute(attribute, route)
    span.set_attribute("shop.request", trace.request_id.get())
