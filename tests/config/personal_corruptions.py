"""What could go wrong with personal coupons, and which invariants find it."""

PERSONAL_CORRUPTIONS = {
    "budget of a rule overdrawn": (
        """
        UPDATE coupons_personalrule SET budget = 1
        """,
        {"I6c"},
    ),
    "personal coupon that nobody offered": (
        """
        DELETE FROM coupons_personaloffer WHERE user_id = %(other)s
        """,
        {"I6b"},
    ),
    "personal coupon in other hands": (
        """
        UPDATE coupons_personaloffer SET user_id = %(user)s
           WHERE user_id = %(other)s
        """,
        {"I6b"},
    ),
    "personal coupon for everybody": (
        """
        UPDATE coupons_couponbatch SET is_personal = false WHERE is_personal
        """,
        {"I6b"},
    ),
    "second open personal coupon": (
        """
        INSERT INTO coupons_couponbatch (name, kind, value, min_spend, quantity,
           issued, opens_at, valid_from, valid_until, is_active, is_personal)
           SELECT 'Again', kind, value, min_spend, 1, 1, opens_at, valid_from,
                  valid_until, true, true
             FROM coupons_couponbatch WHERE is_personal;
        INSERT INTO coupons_coupon (batch_id, user_id, serial, state, issued_at)
           SELECT id, %(other)s, 1, 'issued', now() FROM coupons_couponbatch
            WHERE name = 'Again';
        INSERT INTO coupons_personaloffer (rule_id, user_id, coupon_id, segment,
           orders, decided_at)
           SELECT rule.id, %(other)s, coupon.id, rule.segment, 0, now()
             FROM coupons_personalrule AS rule, coupons_coupon AS coupon
             JOIN coupons_couponbatch AS batch ON batch.id = coupon.batch_id
            WHERE batch.name = 'Again'
        """,
        {"I6b"},
    ),
}
