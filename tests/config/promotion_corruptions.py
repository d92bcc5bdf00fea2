"""What could go wrong with promotions, and which invariants find it."""

PROMOTION_CORRUPTIONS = {
    "budget spent on nobody": (
        """
        UPDATE promotions_promotion SET spent = spent + 1 WHERE budget IS NOT NULL
        """,
        {"I16"},
    ),
    "budget given back twice": (
        """
        UPDATE promotions_promotion SET spent = 0 WHERE spent > 0
        """,
        {"I16"},
    ),
    "budget overdrawn": (
        """
        ALTER TABLE promotions_promotion DROP CONSTRAINT promotion_spent_within_budget;
        UPDATE promotions_promotion SET budget = spent - 1 WHERE spent > 0
        """,
        {"I16"},
    ),
    "spent without a budget": (
        """
        UPDATE promotions_promotion SET spent = 1 WHERE budget IS NULL
        """,
        {"I16"},
    ),
    "promotion of a dead order not given back": (
        """
        UPDATE promotions_promotionuse SET state = 'taken'
           WHERE order_id = %(cancelled)s AND promotion_id = (SELECT id
           FROM promotions_promotion WHERE budget IS NULL)
        """,
        {"I16a"},
    ),
    "promotion of a dead order still takes up the budget": (
        """
        UPDATE promotions_promotionuse SET state = 'taken'
           WHERE order_id = %(cancelled)s AND promotion_id = (SELECT id
           FROM promotions_promotion WHERE budget IS NOT NULL)
        """,
        {"I16", "I16a"},
    ),
    "promotion taken from a living order": (
        """
        UPDATE promotions_promotionuse SET state = 'released'
           WHERE order_id = %(shipped)s AND promotion_id = (SELECT id
           FROM promotions_promotion WHERE budget IS NULL)
        """,
        {"I16a"},
    ),
    "use made bigger than what the order got": (
        """
        UPDATE promotions_promotionuse SET amount = amount + 1
           WHERE order_id = %(paid)s AND promotion_id = (SELECT id
           FROM promotions_promotion WHERE budget IS NULL)
        """,
        {"I16a"},
    ),
    "use lost": (
        """
        DELETE FROM promotions_promotionuse WHERE order_id = %(delivered)s
           AND promotion_id = (SELECT id FROM promotions_promotion
           WHERE budget IS NULL)
        """,
        {"I16a"},
    ),
    "use of no order": (
        """
        INSERT INTO promotions_promotionuse (promotion_id, order_id, amount, state,
           taken_at) SELECT id, gen_random_uuid(), 1, 'taken', now()
           FROM promotions_promotion WHERE budget IS NULL
        """,
        {"I16a"},
    ),
    "promotion renumbered in an order": (
        """
        UPDATE orders_order SET adjustments = replace(adjustments::text,
           '"kind": "promotion"', '"kind": "promotional"')::jsonb
           WHERE id = %(paid)s
        """,
        {"I16a"},
    ),
}
