"""What can go wrong with promotions."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, NotFound


class PromotionOver(Conflict):
    """A promotion that an order got cannot be given again."""

    code = "promotion_over"

    def __init__(self) -> None:
        super().__init__(_("A promotion of this order is over."))


class PromotionNotFound(NotFound):
    """There is no such promotion."""

    code = "promotion_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such promotion."))
