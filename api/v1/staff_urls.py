"""The addresses of version 1 that only staff have a use for."""

from api.routes import route
from api.v1 import (
    order_steps,
    payment_refunds,
    product_photos,
    product_sheets,
    product_writing,
    return_steps,
    review_queue,
    stock,
    webhook_endpoints,
)

urlpatterns = [
    *route("product-sheets", product_sheets.ProductSheetListView, "product-sheets"),
    *route(
        "product-sheets/<id:product_id>",
        product_sheets.ProductSheetView,
        "product-sheet",
    ),
    *route(
        "products/<id:product_id>/price",
        product_writing.ProductPriceView,
        "product-price",
    ),
    *route(
        "products/<id:product_id>/photos",
        product_photos.ProductPhotosView,
        "product-photos",
    ),
    *route(
        "products/<id:product_id>/photos/<id:photo_id>",
        product_photos.ProductPhotoView,
        "product-photo",
    ),
    *route(
        "products/<id:product_id>/stock-adjustments",
        stock.StockAdjustmentsView,
        "stock-adjustments",
    ),
    *route("orders/<uuid:order_id>/pack", order_steps.OrderPackView, "order-pack"),
    *route(
        "orders/<uuid:order_id>/deliver", order_steps.OrderDeliverView, "order-deliver"
    ),
    *route(
        "payments/<uuid:payment_id>/refunds",
        payment_refunds.PaymentRefundsView,
        "payment-refunds",
    ),
    *route("returns", return_steps.ReturnListView, "returns"),
    *route(
        "returns/<id:return_id>/approve",
        return_steps.ReturnApproveView,
        "return-approve",
    ),
    *route(
        "returns/<id:return_id>/reject", return_steps.ReturnRejectView, "return-reject"
    ),
    *route(
        "returns/<id:return_id>/receive",
        return_steps.ReturnReceiveView,
        "return-receive",
    ),
    *route("review-queue", review_queue.ReviewQueueView, "review-queue"),
    *route(
        "reviews/<id:review_id>/publish",
        review_queue.ReviewPublishView,
        "review-publish",
    ),
    *route(
        "reviews/<id:review_id>/reject", review_queue.ReviewRejectView, "review-reject"
    ),
    *route(
        "reviews/<id:review_id>/reply", review_queue.ReviewReplyView, "review-reply"
    ),
    *route(
        "webhook-endpoints",
        webhook_endpoints.WebhookEndpointListView,
        "webhook-endpoints",
    ),
    *route(
        "webhook-endpoints/<id:endpoint_id>",
        webhook_endpoints.WebhookEndpointView,
        "webhook-endpoint",
    ),
    *route(
        "webhook-endpoints/<id:endpoint_id>/secret",
        webhook_endpoints.WebhookSecretView,
        "webhook-secret",
    ),
    *route(
        "webhook-endpoints/<id:endpoint_id>/deliveries",
        webhook_endpoints.WebhookDeliveryListView,
        "webhook-deliveries",
    ),
    *route(
        "deliveries/<id:delivery_id>/replay",
        webhook_endpoints.WebhookReplayView,
        "webhook-replay",
    ),
]
