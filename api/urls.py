"""The API's addresses: version 1, those of older clients, and what describes them."""

from django.urls import include, path, re_path
from django.views.generic import RedirectView

from api import pages
from api.compat import (
    OldCartView,
    OrderAndPayView,
    PatchChargeView,
    compat,
)
from api.routes import route
from api.v1 import coupons, orders, payments, points, product_lists, products

app_name = "api"

V1 = "/api/v1"

urlpatterns = [
    path("v1/", include("api.v1.urls")),
    *route("schema", pages.SchemaView, "schema"),
    *route("asyncapi", pages.AsyncSchemaView, "asyncapi"),
    *route("docs", pages.docs, "docs"),
    *route("problems", pages.ProblemListView, "problems"),
    *route("problems/<slug:code>", pages.ProblemView, "problem"),
    # The addresses of the first documents.
    *route(
        "product", compat(product_lists.ProductListView, f"{V1}/products", "get"), ""
    ),
    *route(
        "products", compat(product_lists.ProductListView, f"{V1}/products", "get"), ""
    ),
    *route(
        "products/best",
        compat(products.BestSellersView, f"{V1}/products/best", "get"),
        "",
    ),
    *route(
        "products/popular",
        compat(products.BestSellersView, f"{V1}/products/best", "get"),
        "",
    ),
    *route(
        "popular/product",
        compat(products.BestSellersView, f"{V1}/products/best", "get"),
        "",
    ),
    *route(
        "products/<id:product_id>",
        compat(products.ProductView, f"{V1}/products/{{id}}", "get"),
        "",
    ),
    *route("point", compat(points.PointsView, f"{V1}/points", "get"), ""),
    *route("points", compat(points.PointsView, f"{V1}/points", "get"), ""),
    *route(
        "point/charge",
        compat(PatchChargeView, f"{V1}/points/charge", "patch", "post"),
        "",
    ),
    *route(
        "points/charge",
        compat(PatchChargeView, f"{V1}/points/charge", "patch", "post"),
        "",
    ),
    *route("points/use", compat(points.PointsUseView, f"{V1}/points/use", "post"), ""),
    *route("point/<id:user_id>", compat(points.PointsView, f"{V1}/points", "get"), ""),
    *route("coupons", compat(coupons.CouponListView, f"{V1}/coupons", "get"), ""),
    *route(
        "coupons/issue",
        compat(coupons.CouponIssueView, f"{V1}/coupons/issue", "post"),
        "",
    ),
    *route("order", compat(OrderAndPayView, f"{V1}/orders", "post"), ""),
    *route("orders", compat(orders.OrderListView, f"{V1}/orders", "get", "post"), ""),
    *route(
        "orders/<uuid:order_id>",
        compat(
            orders.OrderView, f"{V1}/orders/{{id}}", "get", "put", "patch", "delete"
        ),
        "",
    ),
    *route(
        "users/<subject:user_id>/orders",
        compat(orders.OrderListView, f"{V1}/users/{{id}}/orders", "get"),
        "",
    ),
    *route("pay", compat(payments.PayView, f"{V1}/pay", "post"), ""),
    *route("payments", compat(payments.PayView, f"{V1}/payments", "post"), ""),
    *route(
        "cart", compat(OldCartView, f"{V1}/cart", "get", "post", "put", "delete"), ""
    ),
    path("", RedirectView.as_view(pattern_name="api:docs")),
    re_path(r"^.*$", pages.UnknownView.as_view()),
]
