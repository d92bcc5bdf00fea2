"""Ratings and counters are what the rows say."""

from common.invariants import Invariant

INVARIANTS = [
    Invariant(
        id="I20",
        title="A product's rating is that of its published reviews",
        sql="""
            WITH said AS (
                SELECT product_id, round(avg(rating), 2) AS average, count(*) AS count
                  FROM reviews_review WHERE state = 'published' GROUP BY product_id
            )
            SELECT product.id, format('%%s from %%s reviews, published are %%s from'
                       ' %%s', coalesce(product.rating_average::text, 'none'),
                       product.rating_count, coalesce(said.average::text, 'none'),
                       coalesce(said.count, 0))
              FROM catalog_product AS product
              LEFT JOIN said ON said.product_id = product.id
             WHERE product.rating_average IS DISTINCT FROM said.average
                OR product.rating_count <> coalesce(said.count, 0)
        """,
        hint="Keys are products. A rating was written past the service; publishing"
        " or rejecting any review of the product works it out anew.",
    ),
    Invariant(
        id="I20b",
        title="Helpful votes and open reports of a review are as many as it counts",
        sql="""
            WITH counted AS (
                SELECT review.id, review.user_id, review.helpful_count,
                       review.open_reports,
                       (SELECT count(*) FROM reviews_helpfulvote AS vote
                         WHERE vote.review_id = review.id) AS votes,
                       (SELECT count(*) FROM reviews_reviewreport AS report
                         WHERE report.review_id = review.id
                           AND report.resolved_at IS NULL) AS reports
                  FROM reviews_review AS review
            )
            SELECT id, format('counts %%s votes and %%s reports, there are %%s and'
                       ' %%s', helpful_count, open_reports, votes, reports)
              FROM counted
             WHERE (helpful_count, open_reports) <> (votes, reports)
             UNION ALL
            SELECT counted.id, 'its author voted for it'
              FROM counted
              JOIN reviews_helpfulvote AS vote
                ON vote.review_id = counted.id AND vote.user_id = counted.user_id
        """,
        hint="Keys are reviews.",
    ),
    Invariant(
        id="I20c",
        title="Each review is of a product that was delivered to its author",
        sql="""
            SELECT review.id, format('order %%s is not a delivered one of user %%s with'
                       ' product %%s', review.order_id, review.user_id,
                       review.product_id)
              FROM reviews_review AS review
             WHERE NOT EXISTS (
                   SELECT FROM orders_order AS "order"
                     JOIN orders_orderline AS line ON line.order_id = "order".id
                    WHERE "order".id = review.order_id
                      AND "order".user_id = review.user_id
                      AND "order".status = 'delivered'
                      AND line.product_id = review.product_id)
        """,
        hint="Keys are reviews. Nobody else may say how a product is.",
    ),
]
