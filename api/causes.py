"""What has happened when there is a problem, by its code."""

from django.utils.translation import gettext_lazy as _

MEANINGS = {
    "account_still_needed": _(
        "An order of the account is not over, or it is a member of staff's."
    ),
    "address_book_full": _("More addresses than anybody needs."),
    "address_known": _("The very same address is in the book already."),
    "address_not_changeable": _(
        "It is too late to send the order elsewhere, or it waits at a pickup point."
    ),
    "address_not_found": _("There is no such address in the shopper's own book."),
    "adjustment_invalid": _("An adjustment whose kind, sign or reason makes no sense."),
    "alert_not_found": _("There is no such alert, or it is somebody else's."),
    "already_reviewed": _(
        "One review per shopper and product: review_id is the one to edit."
    ),
    "amount_out_of_range": _("An amount that is not between 1 and the limit."),
    "authentication_failed": _("The password, access token or refresh token is wrong."),
    "balance_limit_reached": _("The balance would exceed what one account may hold."),
    "body_too_large": _(
        "The body is larger than any request of this shop needs to be."
    ),
    "carrier_not_found": _("The shop works with no such carrier."),
    "carrier_refused": _("The carrier will not take this parcel; nothing was sent."),
    "carrier_unavailable": _(
        "The carrier does not answer right now; nothing was sent."
    ),
    "cart_changed": _("The cart is not what the shopper confirmed."),
    "cart_empty": _("There is nothing to order."),
    "cart_full": _("More different products than an order may have."),
    "cart_item_not_found": _("The product is not in this cart."),
    "cart_token_invalid": _(
        "The X-Cart-Token is not one that this shop gave out, or too old."
    ),
    "category_not_found": _("There is no such category."),
    "compare_at_price_invalid": _(
        "The price it is compared with must be above the price."
    ),
    "conflict": _("The request makes sense but not in the present state."),
    "coupon_already_issued": _("The shopper has one of this batch already."),
    "coupon_already_used": _("The coupon is on another order."),
    "coupon_campaign_not_found": _("There is no such batch, or it was withdrawn."),
    "coupon_expired": _("The coupon is not valid any more, or was withdrawn."),
    "coupon_not_applicable": _(
        "The coupon does not fit; reason names the rule, missing by how much."
    ),
    "coupon_not_found": _("The shopper holds no such coupon."),
    "coupon_not_open": _("Coupons of this campaign cannot be claimed yet."),
    "coupon_sold_out": _("The last coupon is gone."),
    "cursor_expired": _(
        "What the cursor goes on from is not known any more: read all, without one."
    ),
    "cursor_invalid": _("The cursor is not one that this list gave out."),
    "delivery_costs_more": _(
        "An order that is placed cannot go where its delivery would cost more."
    ),
    "delivery_kept": _(
        "An order that is given back whole before it is sent costs no delivery."
    ),
    "delivery_method_unavailable": _("There is no such way of delivery."),
    "delivery_not_found": _("There is no such delivery."),
    "delivery_too_late": _(
        "An order that is placed keeps its promise: this way would be later."
    ),
    "device_not_found": _("No such sign-in is open, or it is somebody else's."),
    "email_missing": _(
        "The other service told no e-mail address, and there is no account without."
    ),
    "email_not_verified": _(
        "The e-mail address has to be verified before the first sign-in."
    ),
    "forbidden": _("The actor may not do this."),
    "gone": _("It was there once."),
    "idempotency_in_flight": _("The first request with this key has not ended yet."),
    "idempotency_key_invalid": _(
        "The Idempotency-Key is empty, too long or not printable ASCII."
    ),
    "idempotency_mismatch": _("The Idempotency-Key came before, with another body."),
    "in_stock": _("The product is in stock: there is nothing to wait for."),
    "no_price_to_change": _("Every price is already what it would become."),
    "period_invalid": _("It would end before it begins, or in the past."),
    "prices_moved": _(
        "Some prices are not those any more that were looked at; none was changed."
    ),
    "revision_closed": _("This change of prices is not in a state for that any more."),
    "sheet_too_large": _("The file holds more than is taken at a time."),
    "sheet_unreadable": _("The file is no table that is understood here."),
    "too_many_prices": _(
        "More prices than are changed together; limit says how many may be."
    ),
    "undo_too_late": _("A change of prices is undone within a day, or not at all."),
    "blocked_already": _("The customer is already what the step would make of them."),
    "decided_already": _("Somebody else has approved or rejected it before."),
    "not_a_customer": _("The account is one of staff, or is deleted."),
    "own_account": _("Nobody gives points to themselves."),
    "refund_above_limit": _("Only some staff may give back so much of one order."),
    "second_person_needed": _("So many points take two members of staff."),
    "insufficient_points": _("There are fewer points than are to be used."),
    "insufficient_scope": _(
        "The shopper has not let this third party do that, or no third party may."
    ),
    "insufficient_stock": _(
        "There is less left than is wanted; available says how much, by product."
    ),
    "internal_error": _(
        "A mistake of ours. It is in the log under the instance of the problem."
    ),
    "invalid": _(
        "A value is missing, or not what it must be; errors says which and where."
    ),
    "invalid_return_step": _("A return in this state cannot go there."),
    "invalid_review_step": _("A review in this state cannot go there."),
    "invalid_transition": _("An order in this status cannot go there."),
    "message_waiting": _("The message is on its way or has arrived."),
    "method_not_allowed": _("The address exists but does not take this method."),
    "nobody_to_pay": _(
        "A guest has no points account: the money has to go another way."
    ),
    "not_a_buyer": _("Only who has had the product delivered can say how it is."),
    "not_acceptable": _("The client accepts no JSON, and nothing else is spoken here."),
    "not_authenticated": _("This takes an access token, or the shop's session."),
    "not_found": _("There is no such address or thing, or it is somebody else's."),
    "not_refundable": _("More is asked back than is left of the order."),
    "not_returnable": _(
        "More is to come back than was sent, or it is too late for that."
    ),
    "not_shippable": _(
        "More is to be sent than is left of the order; line_id says of what."
    ),
    "nothing_to_order": _("An order needs at least one line and at most a hundred."),
    "nothing_to_refund": _("The refund would be of nothing."),
    "nothing_to_return": _("A return names at least one product."),
    "notification_not_found": _(
        "There is no such notification, or it is somebody else's."
    ),
    "order_expired": _("The time to pay is over."),
    "order_not_cancellable": _(
        "It is too late to cancel: the parcel is on its way, or the order is closed."
    ),
    "order_not_changeable": _(
        "It is too late to change how the order is brought, or what is said of it."
    ),
    "order_not_found": _("There is no such order among the shopper's own."),
    "order_not_payable": _("Only an order that awaits its payment can be paid."),
    "order_not_refundable": _("Only what is paid for can be refunded."),
    "own_review": _("Nobody votes for their own review, or reports it."),
    "parse_error": _("The request cannot be read, for instance because of its JSON."),
    "password_changed": _("Somebody else changed the password at the same moment."),
    "payment_declined": _("The provider will not take this payment."),
    "payment_method_unavailable": _("The shop does not take this kind of payment."),
    "payment_not_found": _("There is no such payment among the shopper's own."),
    "permission_denied": _("This user may not do this."),
    "photo_not_a_picture": _(
        "The content is not a JPEG, PNG or WebP picture, whatever its name says."
    ),
    "photo_refused": _("A file that cannot be a photo of a review."),
    "photo_too_large": _(
        "The file has more bytes, or the picture more pixels, than is taken."
    ),
    "photos_incomplete": _("A new order of photos has to name each of them once."),
    "pickup_point_unavailable": _(
        "There is no such place, or not for this way of delivery."
    ),
    "points_left": _("There are points left, and nobody said that they may go."),
    "points_part_invalid": _(
        "Points can pay a part of the total, and the other method has to pay the rest."
    ),
    "precondition_failed": _("It has changed since the ETag in If-Match."),
    "precondition_required": _(
        "The change has to say in If-Match what it is based on."
    ),
    "preference_unknown": _(
        "There is no such group or channel, or this group does not use it."
    ),
    "price_changed": _("The purchase costs something else than the shopper agreed to."),
    "price_invalid": _(
        "A price must be a positive amount, and another one than before."
    ),
    "printer_busy": _("Too many documents are being drawn, or one is too long."),
    "product_gone": _("The product was sold here once, and is not any more."),
    "product_not_found": _("There is no such product on sale."),
    "product_not_in_order": _("The order has no such product."),
    "product_photo_not_found": _("The product has no such photo."),
    "product_unavailable": _("Some products are not on sale; products names them."),
    "promotion_not_found": _("There is no such promotion."),
    "promotion_over": _("A promotion that an order got cannot be given again."),
    "provider_unavailable": _("The provider of payments does not answer right now."),
    "push_device_not_found": _("There is no such phone among the user's own."),
    "quantity_out_of_range": _("A quantity that no order line can have."),
    "quiet_hours_empty": _("Quiet hours that end when they begin are none."),
    "quote_invalid": _("This is no quote of ours."),
    "quote_outdated": _(
        "The purchase is dearer than its quote, or for other goods. lines says which."
    ),
    "rate_limited": _(
        "More requests than this client may send; Retry-After says when to go on."
    ),
    "refund_key_reused": _("This key was used for another refund."),
    "refund_not_refused": _(
        "Only what the provider refused can be asked again, or be paid another way."
    ),
    "refused": _("A rule of the shop says no. Nothing has been changed."),
    "reset_invalid": _(
        "The token for a new password is wrong, used, or older than half an hour."
    ),
    "return_exceeds_sale": _(
        "An order gives back what it never had, or has given back already."
    ),
    "return_not_found": _("There is no such return among the shopper's own."),
    "return_pending": _("Another return of the order is not finished yet."),
    "return_url_forbidden": _(
        "The payer may not be sent to this address after paying."
    ),
    "review_changed": _("Its author has changed the review since it was read."),
    "review_invalid": _(
        "The stars, the text or the reply are not what a review takes."
    ),
    "review_not_found": _(
        "There is no such review, it is not published, or it is somebody else's."
    ),
    "second_step_needed": _(
        "The password is right, and a code of the authenticator app is missing."
    ),
    "second_step_required": _(
        "Staff may do nothing as such before they have set up a second step."
    ),
    "service_away": _(
        "The other service does not answer; the same request may succeed soon."
    ),
    "service_not_offered": _(
        "One cannot sign in with this service here; GET /auth/social lists them."
    ),
    "service_token_invalid": _(
        "The other service does not stand by this token, or made it for another app."
    ),
    "shelf_not_found": _("There is no such category, or no such group of products."),
    "sku_taken": _("Another product has this SKU."),
    "stock_below_reserved": _(
        "More is promised to unpaid orders, and kept for shoppers, than would be left."
    ),
    "stock_changed": _("The stock has moved since the number was read."),
    "too_many_alerts": _("Somebody waits for too much at a time."),
    "too_many_photos": _("A review has room for limit photos."),
    "too_many_product_photos": _(
        "A product has so many photos and no more; limit says how many."
    ),
    "too_many_webhook_endpoints": _(
        "The shop tells so many systems and no more; limit says how many."
    ),
    "unavailable": _(
        "The database is away, or others hold what the request needs. Repeat it."
    ),
    "unsupported_media_type": _("The body must be JSON."),
    "user_id_forbidden": _("The user id is another person's."),
    "user_not_found": _(
        "There is no user of this id; only staff who may act for any are told."
    ),
    "verification_invalid": _(
        "This is not the token of a letter that asks whether an address is one's own."
    ),
    "verification_over": _(
        "The letter's token was used before, is too old, or its address is gone."
    ),
    "webhook_endpoint_disabled": _(
        "Nothing is sent to an endpoint that is switched off."
    ),
    "webhook_endpoint_not_found": _("There is no such webhook endpoint."),
    "webhook_invalid": _(
        "A message that is not signed by the provider, or cannot be read."
    ),
    "webhook_url_refused": _(
        "Nothing is sent to this address: it is no public one, or not HTTPS."
    ),
    "wishlist_full": _("More products than one shopper can keep an eye on."),
}
