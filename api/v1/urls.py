"""The addresses of version 1."""

from api.routes import route
from api.v1 import (
    account,
    analytics,
    auth,
    behaviour,
    carts,
    coupons,
    delivery,
    documents,
    notifications,
    orders,
    parcels,
    payments,
    points,
    product_lists,
    products,
    quotes,
    recommendations,
    refunds,
    restock,
    reviews,
    shop,
    stream,
    suggestions,
    trending,
)

urlpatterns = [
    *route("products", product_lists.ProductListView, "products"),
    *route("products/best", products.BestSellersView, "best"),
    *route("products/trending", trending.TrendingView, "trending"),
    *route("products/<id:product_id>", products.ProductView, "product"),
    *route("products/<id:product_id>/stock", products.ProductStockView, "stock"),
    *route(
        "products/<id:product_id>/back-in-stock", restock.BackInStockView, "restock"
    ),
    *route("search/suggest", suggestions.SuggestView, "suggest"),
    *route("categories", products.CategoryListView, "categories"),
    *route("products/<id:product_id>/reviews", reviews.ProductReviewsView, "reviews"),
    *route("reviews", reviews.OwnReviewsView, "own-reviews"),
    *route("reviews/<id:review_id>", reviews.ReviewView, "review"),
    *route("reviews/<id:review_id>/photos", reviews.ReviewPhotosView, "review-photos"),
    *route(
        "reviews/<id:review_id>/photos/<id:photo_id>",
        reviews.ReviewPhotoView,
        "review-photo",
    ),
    *route("reviews/<id:review_id>/helpful", reviews.HelpfulView, "helpful"),
    *route("reviews/<id:review_id>/report", reviews.ReportView, "report-review"),
    *route("orders", orders.OrderListView, "orders"),
    *route("orders/<uuid:order_id>", orders.OrderView, "order"),
    *route(
        "orders/<uuid:order_id>/invoice", documents.OrderInvoiceView, "order-invoice"
    ),
    *route("orders/<uuid:order_id>/pay", payments.OrderPayView, "order-pay"),
    *route("orders/<uuid:order_id>/cancel", orders.OrderCancelView, "order-cancel"),
    *route("orders/<uuid:order_id>/repeat", orders.OrderRepeatView, "order-repeat"),
    *route("orders/<uuid:order_id>/ship", parcels.OrderShipView, "order-ship"),
    *route(
        "orders/<uuid:order_id>/tracking", parcels.OrderTrackingView, "order-tracking"
    ),
    *route(
        "orders/<uuid:order_id>/confirm-receipt",
        parcels.OrderReceiptView,
        "order-receipt",
    ),
    *route("orders/<uuid:order_id>/refund", refunds.OrderRefundView, "order-refund"),
    *route("orders/<uuid:order_id>/refund-plan", refunds.RefundPlanView, "refund-plan"),
    *route("orders/<uuid:order_id>/returns", refunds.OrderReturnsView, "order-returns"),
    *route("returns/<id:return_id>", refunds.ReturnView, "return"),
    *route(
        "returns/<id:return_id>/withdraw", refunds.ReturnWithdrawView, "return-withdraw"
    ),
    *route(
        "delivery/webhooks/<slug:carrier>",
        parcels.CarrierWebhookView,
        "carrier-webhook",
    ),
    *route("pay", payments.PayView, "pay"),
    *route("payments", payments.PaymentListView, "payments"),
    *route("payments/<uuid:payment_id>", payments.PaymentView, "payment"),
    *route(
        "payments/<uuid:payment_id>/check", payments.PaymentCheckView, "payment-check"
    ),
    *route(
        "payments/webhooks/<slug:provider>", payments.WebhookView, "payment-webhook"
    ),
    *route("cart", carts.CartView, "cart"),
    *route("cart/items", carts.CartItemsView, "cart-items"),
    *route("cart/items/<id:product_id>", carts.CartItemView, "cart-item"),
    *route("cart/coupon", carts.CartCouponView, "cart-coupon"),
    *route("quotes", quotes.QuoteView, "quotes"),
    *route("points", points.PointsView, "points"),
    *route("points/charge", points.PointsChargeView, "points-charge"),
    *route("points/use", points.PointsUseView, "points-use"),
    *route("points/history", points.PointsHistoryView, "points-history"),
    *route("coupon-campaigns", coupons.CampaignListView, "campaigns"),
    *route("coupon-campaigns/<id:campaign_id>", coupons.CampaignView, "campaign"),
    *route("coupons", coupons.CouponListView, "coupons"),
    *route("coupons/issue", coupons.CouponIssueView, "coupon-issue"),
    *route("coupons/<id:coupon_id>", coupons.CouponView, "coupon"),
    *route("notifications", notifications.NotificationListView, "notifications"),
    *route(
        "notifications/<id:notification_id>/read",
        notifications.NotificationReadView,
        "notification-read",
    ),
    *route(
        "notifications/read-all",
        notifications.NotificationReadAllView,
        "notifications-read-all",
    ),
    *route(
        "notification-preferences",
        notifications.NotificationPreferencesView,
        "notification-preferences",
    ),
    *route("users/me", account.ProfileView, "me"),
    *route("users/me/addresses", account.AddressListView, "addresses"),
    *route("users/me/addresses/<id:address_id>", account.AddressView, "address"),
    *route(
        "users/<subject:user_id>/orders", orders.OrderListView, "user-orders", "get"
    ),
    *route("users/<subject:user_id>/points", points.PointsView, "user-points"),
    *route("users/<subject:user_id>/coupons", coupons.CouponListView, "user-coupons"),
    *route("delivery-methods", delivery.DeliveryMethodListView, "delivery-methods"),
    *route("delivery/quotes", delivery.DeliveryQuotesView, "delivery-quotes"),
    *route("analytics/sales", analytics.SalesReportView, "analytics-sales"),
    *route("analytics/top", analytics.TopReportView, "analytics-top"),
    *route(
        "analytics/campaigns", analytics.CampaignReportView, "analytics-campaigns"
    ),
    *route("analytics/search", analytics.SearchReportView, "analytics-search"),
    *route("stream/orders", stream.StreamView, "stream-orders"),
    *route("stream/manifest", stream.ManifestView, "stream-manifest"),
    *route("stream/schemas/<str:event_type>", stream.EventSchemaView, "event-schema"),
    *route("config", shop.ConfigView, "config"),
    *route("events", behaviour.EventListView, "events"),
    *route("privacy", behaviour.PrivacyView, "privacy"),
    *route("products/<id:product_id>/related", recommendations.RelatedView, "related"),
    *route("recommendations", recommendations.RecommendationsView, "recommendations"),
    *route(
        "recommendations/dismissed/<id:product_id>",
        recommendations.DismissedView,
        "dismissed",
    ),
    *route("auth/register", auth.RegisterView, "register"),
    *route("auth/token", auth.TokenView, "token"),
    *route("auth/token/refresh", auth.RefreshView, "token-refresh"),
    *route("auth/token/revoke", auth.RevokeView, "token-revoke"),
]
