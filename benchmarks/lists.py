"""Lists and pages of products by HTTP, against the least that a view can do."""

import statistics
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlencode

from django.db import connection
from django.urls import reverse

from api.pagination import encode_cursor
from benchmarks import data
from benchmarks.measure import Row, Sample, cpu, median_of, median_ratio, rate
from benchmarks.runs import Plan, rounds, say
from benchmarks.shoppers import session_cookie
from benchmarks.web import Request, WebServer
from benchmarks.web_purchases import floor_row
from catalog.models import Product

CLIENTS = 8
WARM_UP = 30  # requests
MANY, VERY_MANY = 100_000, 1_000_000
LIST = "/api/v1/products"
SEARCH = f"{LIST}?q=lamp"
BY_PRICE = f"{LIST}?sort=price"
DETAIL = f"{LIST}/500"
PAGE = "/products/"
Samples = dict[str, list[Sample]]


def api_lists(plan: Plan) -> Iterator[Row]:
    """Measure the API's product list, its 304s, deep pages and a large catalogue."""
    data.fresh()
    with WebServer() as server:
        etag = server.get(LIST)[1]["etag"]
        small = rounds(
            plan,
            bare=partial(_get, plan, server, "/bench/bare"),
            raw=partial(_get, plan, server, "/bench/raw"),
            drf=partial(_get, plan, server, "/bench/serialized"),
            known=partial(_get, plan, server, LIST, etag=etag),
            detail=partial(_get, plan, server, DETAIL),
            **_growing(plan, server),
        )
        yield from _api_rows(small)
        size = VERY_MANY if plan.is_big else MANY
        say(f"{size:,} products …")
        data.add_products(data.PRODUCTS + 1, size)
        deep = f"{LIST}?{urlencode({'cursor': _deep_cursor(size)})}"
        large = rounds(
            plan, **_growing(plan, server), deep=partial(_get, plan, server, deep)
        )
        yield from _growth_rows(small, large, size)


def html_pages(plan: Plan) -> Iterator[Row]:
    """Measure the product pages, against pages whose cards are not kept."""
    data.fresh()
    cookie = session_cookie(1)
    with WebServer() as server:
        samples = rounds(
            plan,
            anonymous=partial(_get, plan, server, PAGE),
            anonymous_plain=partial(_get, plan, server, "/bench/plain"),
            signed_in=partial(_get, plan, server, PAGE, cookie=cookie),
            signed_in_plain=partial(_get, plan, server, "/bench/plain", cookie=cookie),
            detail=partial(_get, plan, server, _product_page()),
        )
    yield _page_row("anonymous", samples, "anonymous", 0.33)
    yield _page_row("signed in", samples, "signed_in", 0.4)
    yield floor_row("HTML list, anonymous", samples["anonymous"], 100)
    yield floor_row("HTML list, signed in", samples["signed_in"], 100)
    yield floor_row("HTML product page", samples["detail"], 150)


def _growing(plan: Plan, server: WebServer) -> dict[str, partial[Sample]]:
    """Return what is measured with few and with many products."""
    paths = {"list": LIST, "price": BY_PRICE, "search": SEARCH}
    return {name: partial(_get, plan, server, path) for name, path in paths.items()}


def _api_rows(samples: Samples) -> Iterator[Row]:
    yield _rate_row(
        "API list, of raw SQL + orjson", samples["list"], samples["raw"], 0.55
    )
    yield _cpu_row(
        "API list: CPU of DRF's ModelSerializer", samples["list"], samples["drf"], 0.5
    )
    yield _rate_row(
        "API list: 304, of a bare view", samples["known"], samples["bare"], 0.65
    )
    yield floor_row("API list", samples["list"], 600)
    yield floor_row("API detail", samples["detail"], 500)


def _growth_rows(small: Samples, large: Samples, size: int) -> Iterator[Row]:
    name = f"API list at {size:,} products"
    yield _rate_row(f"{name}, of 1,000", large["list"], small["list"], 0.75)
    yield _rate_row(f"{name}: 90 % deep, of page 1", large["deep"], large["list"], 0.8)
    for part, title in (("list", "list"), ("price", "by price"), ("search", "search")):
        yield Row(
            name=f"{name}: {title}, p50 of 1,000's",
            subject=f"{_p50(large[part]):.1f} ms",
            limit=f"{_p50(small[part]):.1f} ms",
            ratio=_p50(large[part]) / _p50(small[part]),
            bar=2,
            at_most=True,
            cpu=cpu(large[part]),
        )


def _rate_row(name: str, subject: list[Sample], limit: list[Sample], bar: float) -> Row:
    return Row(
        name=name,
        subject=rate(subject),
        limit=rate(limit),
        ratio=median_ratio(subject, limit),
        bar=bar,
        cpu=cpu(subject),
        note=_failed(subject),
    )


def _cpu_row(name: str, subject: list[Sample], limit: list[Sample], bar: float) -> Row:
    return Row(
        name=name,
        subject=f"{median_of(subject, _python_cpu):.2f} ms",
        limit=f"{median_of(limit, _python_cpu):.2f} ms",
        ratio=median_ratio(subject, limit, _python_cpu),
        bar=bar,
        at_most=True,
        cpu=cpu(subject),
        note=_failed(subject),
    )


def _page_row(name: str, samples: Samples, key: str, bar: float) -> Row:
    title = f"HTML list, {name}: CPU of plain includes"
    return _cpu_row(title, samples[key], samples[f"{key}_plain"], bar)


def _get(
    plan: Plan, server: WebServer, path: str, *, cookie: str = "", etag: str = ""
) -> Sample:
    flow = [Request("GET", path, cookie=cookie, etag=etag)]
    # So that both workers have loaded and kept what they will.
    for _ in range(WARM_UP):
        server.get(path, **flow[0].headers())
    # Two flows: each of wrk's threads needs one.
    return server.run([flow, flow], clients=CLIENTS, seconds=plan.seconds)


def _python_cpu(sample: Sample) -> float:
    return sample.python_cpu or 0.0


def _p50(samples: list[Sample]) -> float:
    return statistics.median(sample.p50 for sample in samples)


def _failed(samples: list[Sample]) -> str:
    errors = sum(sample.errors for sample in samples)
    return f"{errors} errors" if errors else ""


def _deep_cursor(size: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT created_at, id FROM catalog_product"
            " ORDER BY created_at DESC, id DESC OFFSET %s LIMIT 1",
            [size * 9 // 10],
        )
        created_at, product_id = cursor.fetchone()
    return encode_cursor("newest", created_at.isoformat(), product_id)


def _product_page() -> str:
    product = Product.objects.get(pk=500)
    return reverse("shop:product", args=[product.slug, product.pk])
