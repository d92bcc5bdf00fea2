"""Addresses of the storefront's pages."""

from django.urls import path, register_converter

from shop.converters import KeyConverter
from shop.views import (
    account,
    cart,
    checkout,
    coupons,
    documents,
    help_texts,
    home,
    live,
    notifications,
    orders,
    payments,
    points,
    preferences,
    products,
    restock,
    returns,
    sandbox,
)

register_converter(KeyConverter, "key")

app_name = "shop"

urlpatterns = [
    path("", home.home_page, name="home"),
    path("best/", home.best_page, name="best"),
    path("products/", products.product_list, name="products"),
    path("c/<str:slug>/", products.category_page, name="category"),
    # The slug takes all it can, so the id is what follows the last hyphen.
    path("p/<str:slug>-<key:product_id>/", products.product_page, name="product"),
    path("products/<key:product_id>/alert/", restock.ask, name="alert"),
    path("products/<key:product_id>/alert/undo/", restock.undo, name="alert-undo"),
    path("back/<str:token>/", restock.kept_page, name="kept"),
    path("back/<str:token>/off/", restock.off_page, name="kept-off"),
    path("cart/", cart.cart_page, name="cart"),
    path("cart/add/", cart.add, name="cart-add"),
    path("cart/coupon/", cart.choose_coupon, name="cart-coupon"),
    path("cart/<key:product_id>/quantity/", cart.change, name="cart-change"),
    path("cart/<key:product_id>/remove/", cart.remove, name="cart-remove"),
    path("checkout/", checkout.checkout_page, name="checkout"),
    path("orders/", orders.orders_page, name="orders"),
    path("orders/<str:number>/", orders.order_page, name="order"),
    path("orders/<str:number>/pay/", orders.pay_order, name="pay-order"),
    path("orders/<str:number>/cancel/", orders.cancel_order, name="cancel-order"),
    path("orders/<str:number>/invoice/", documents.invoice_page, name="invoice"),
    path("orders/<str:number>/invoice.pdf", documents.invoice_file, name="invoice-pdf"),
    path("orders/<str:number>/again/", orders.order_again, name="order-again"),
    path(
        "orders/<str:number>/received/",
        returns.confirm_receipt,
        name="confirm-receipt",
    ),
    path("orders/<str:number>/return/", returns.return_page, name="return"),
    path(
        "orders/<str:number>/return/<key:return_id>/withdraw/",
        returns.withdraw_return,
        name="withdraw-return",
    ),
    path("pay/<uuid:payment_id>/return/", payments.return_page, name="payment-return"),
    path("sandbox/<slug:reference>/", sandbox.sandbox_page, name="sandbox"),
    path("points/", points.points_page, name="points"),
    path("points/charge/", points.charge, name="charge"),
    path("coupons/", coupons.coupons_page, name="coupons"),
    path("coupons/<key:batch_id>/claim/", coupons.claim, name="claim"),
    path("account/", account.account_page, name="account"),
    path("account/profile/", account.profile_page, name="profile"),
    path("account/addresses/", account.addresses_page, name="addresses"),
    path("account/addresses/new/", account.address_page, name="address-new"),
    path("account/addresses/<key:address_id>/", account.address_page, name="address"),
    path(
        "account/addresses/<key:address_id>/remove/",
        account.remove_address,
        name="address-remove",
    ),
    path(
        "account/addresses/<key:address_id>/default/",
        account.default_address,
        name="address-default",
    ),
    path(
        "account/notifications/",
        notifications.preferences_page,
        name="notification-preferences",
    ),
    path("notifications/", notifications.notifications_page, name="notifications"),
    path("notifications/unread/", live.unread, name="unread"),
    path("notifications/read-all/", notifications.read_all, name="read-all"),
    path(
        "notifications/<key:notification_id>/read/",
        notifications.read,
        name="notification-read",
    ),
    path(
        "notifications/unsubscribe/<str:token>/",
        notifications.unsubscribe,
        name="unsubscribe",
    ),
    path("account/alerts/", restock.alerts_page, name="alerts"),
    path("account/alerts/<key:alert_id>/cancel/", restock.cancel, name="alert-cancel"),
    path("help/<slug:topic>/", help_texts.help_page, name="help"),
    path("theme/", preferences.choose_theme, name="theme"),
    path("language/", preferences.choose_language, name="language"),
]
