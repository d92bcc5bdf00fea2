"""What third parties may be allowed to do for a shopper, and how it is put to them."""

from django.utils.translation import gettext_lazy as _

# The first three are OpenID Connect's own.
SCOPES = {
    "openid": _("Know that it is you"),
    "email": _("See your e-mail address"),
    "profile": _("See your name"),
    "profile.read": _("See your profile and address book"),
    "orders.read": _("See your orders, parcels and payments"),
    "orders.write": _("Place, change and cancel orders for you"),
    "cart.read": _("See your cart"),
    "cart.write": _("Change your cart"),
    "wishlist.read": _("See your wishlist"),
    "wishlist.write": _("Change your wishlist"),
    "points.read": _("See your points"),
    "coupons.read": _("See your coupons"),
    "notifications.read": _("See your notifications"),
}
