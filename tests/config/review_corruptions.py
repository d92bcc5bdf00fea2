"""What could go wrong with reviews, and which invariants find it."""

REVIEW_CORRUPTIONS = {
    "rating polished": (
        """
        UPDATE catalog_product SET rating_average = 4.99
           WHERE rating_average IS NOT NULL
        """,
        {"I20"},
    ),
    "review counted that nobody can read": (
        """
        UPDATE catalog_product SET rating_count = rating_count + 1
           WHERE rating_count > 0
        """,
        {"I20"},
    ),
    "rating without a review": (
        """
        UPDATE catalog_product SET rating_average = 5, rating_count = 1
           WHERE rating_count = 0
        """,
        {"I20"},
    ),
    "stars changed behind the average": (
        """
        UPDATE reviews_review SET rating = 1 WHERE state = 'published'
        """,
        {"I20"},
    ),
    "review published past the service": (
        """
        UPDATE reviews_review SET state = 'published', decided_at = now()
           WHERE state = 'pending'
        """,
        {"I20"},
    ),
    "votes made up": (
        """
        UPDATE reviews_review SET helpful_count = helpful_count + 1
           WHERE state = 'published'
        """,
        {"I20b"},
    ),
    "report forgotten": (
        """
        DELETE FROM reviews_reviewreport
        """,
        {"I20b"},
    ),
    "author's own vote": (
        """
        UPDATE reviews_helpfulvote SET user_id = (SELECT user_id
           FROM reviews_review WHERE id = review_id)
        """,
        {"I20b"},
    ),
    "review of somebody who bought nothing": (
        """
        UPDATE reviews_review SET user_id = %(other)s WHERE state = 'pending'
        """,
        {"I20c"},
    ),
    "review of what was never delivered": (
        """
        UPDATE reviews_review SET order_id = %(shipped)s WHERE state = 'pending'
        """,
        {"I20c"},
    ),
}
