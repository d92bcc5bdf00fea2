"""What can go wrong with the catalogue."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Gone, Invalid, NotFound


class ProductNotFound(NotFound):
    """There is no such product on sale."""

    code = "product_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such product on sale."))


class ProductGone(Gone):
    """The product was sold here once, and is not any more."""

    code = "product_gone"

    def __init__(self) -> None:
        super().__init__(_("This product is not sold any more."))


class CategoryNotFound(NotFound):
    """There is no such category."""

    code = "category_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such category."))


class PriceInvalid(Invalid):
    """A price must be a positive amount, and another one than before."""

    code = "price_invalid"

    def __init__(self) -> None:
        super().__init__(
            _("The price must be positive and differ from the present one.")
        )


class PricesMoved(Conflict):
    """Some prices are not those any more that were looked at; none was changed."""

    code = "prices_moved"

    def __init__(self, skus: list[str]) -> None:
        super().__init__(
            _("Prices have changed meanwhile. Please look again: %(skus)s")
            % {"skus": ", ".join(skus[:5])},
            skus=skus,
        )


class NoPriceToChange(Invalid):
    """Nothing would change."""

    code = "no_price_to_change"

    def __init__(self) -> None:
        super().__init__(_("No price would change."))


class TooManyPrices(Invalid):
    """More prices than are changed together; ``limit`` says how many may be."""

    code = "too_many_prices"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            _("At most %(limit)s prices can be changed together.") % {"limit": limit},
            limit=limit,
        )


class PeriodInvalid(Invalid):
    """It would begin in the past, or end before it begins."""

    code = "period_invalid"

    def __init__(self) -> None:
        super().__init__(_("The end must be later than now and than the start."))


class RevisionClosed(Conflict):
    """A change of prices is not in the state for this any more."""

    code = "revision_closed"

    def __init__(self) -> None:
        super().__init__(_("This change of prices does not stand any more."))


class UndoTooLate(Conflict):
    """A change of prices is undone within a day, or not as a whole."""

    code = "undo_too_late"

    def __init__(self) -> None:
        super().__init__(
            _("It was applied more than 24 hours ago. Change the prices anew instead.")
        )


class SkuTaken(Conflict):
    """Another product has this SKU."""

    code = "sku_taken"

    def __init__(self) -> None:
        super().__init__(_("Another product has this SKU."))


class CompareAtPriceInvalid(Invalid):
    """The price it is compared with must be above the price."""

    code = "compare_at_price_invalid"

    def __init__(self, *, price: int) -> None:
        super().__init__(
            _("The price it is compared with must be above the price."), price=price
        )


class ShelfNotFound(Invalid):
    """There is no such category, or no such group of products."""

    code = "shelf_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such category or group."))


class ProductPhotoNotFound(NotFound):
    """The product has no such photo."""

    code = "product_photo_not_found"

    def __init__(self) -> None:
        super().__init__(_("The product has no such photo."))


class PhotosIncomplete(Invalid):
    """A new order of photos has to name each of them once."""

    code = "photos_incomplete"

    def __init__(self, photo_ids: list[int]) -> None:
        super().__init__(_("Name each photo of the product once."), photos=photo_ids)


class TooManyProductPhotos(Conflict):
    """A product has so many photos and no more; ``limit`` says how many."""

    code = "too_many_product_photos"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            _("A product has at most %(limit)s photos.") % {"limit": limit},
            limit=limit,
        )
