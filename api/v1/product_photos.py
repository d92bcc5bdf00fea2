"""Pictures of products: sent in by staff, put into order, taken away."""

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from api.fields import Id, Input, StrictText, clean
from api.idempotency import once
from api.parsers import JSONParser
from api.schema import operation
from api.staff import demand, note
from api.typing import AuthenticatedRequest
from api.v1.product_sheets import ProductSheetJson, read_sheet
from api.v1.product_writing import MAY_CHANGE
from api.views import PersonalView
from catalog import editing
from catalog.editing import MAX_PHOTOS, Arranged
from catalog.errors import ProductNotFound
from catalog.models import Product
from common import pictures
from common.pictures import PictureSet
from reviews.errors import PhotoNotAPicture, PhotoTooLarge

FOLDER = "products"
# Before it is made smaller; one that stands upright is this high.
LONGEST_SIDE = 2000


class ProductPhotoInput(Input):
    """A picture, and words for those who cannot see it."""

    photo = serializers.FileField(help_text="JPEG, PNG or WebP, up to 5 MB.")
    alt = serializers.CharField(max_length=200)


class PlacedPhotoInput(Input):
    id = Id()
    alt = StrictText(max_length=200, required=False)


class ProductPhotosInput(Input):
    """All photos of the product, in the order in which they are shown."""

    photos = serializers.ListField(child=PlacedPhotoInput(), max_length=MAX_PHOTOS)


PHOTO = ProductPhotoInput()
PHOTOS = ProductPhotosInput()


class ProductPhotosView(PersonalView):
    """The pictures of a product."""

    parser_classes = [JSONParser, MultiPartParser]

    @operation(
        "products_add-photo",
        "Add a photo to a product",
        upload=PHOTO,
        reply={201: ProductSheetJson},
        problems=(404, 409),
    )
    def post(self, request: AuthenticatedRequest, product_id: int) -> Response:
        """Add a photo after the others, as staff; the same one again changes nothing.

        JPEG, PNG or WebP, told by the content. It is made anew in the sizes that pages
        show, as AVIF and WebP: nothing else that is in the file is kept.
        `photo_too_large`: more bytes or pixels than `max_bytes` or `max_pixels`.
        """
        demand(request, MAY_CHANGE)
        if not Product.objects.filter(pk=product_id).exists():
            raise ProductNotFound
        asked = PHOTO.run_validation(request.data)
        taken = _taken(asked["photo"].read(pictures.MAX_BYTES + 1))
        # A storage may be far away: the files come before the transaction.
        pictures.keep(taken)
        photo = editing.add_photo(product_id=product_id, taken=taken, alt=asked["alt"])
        note(request, photo.product, f"photo {photo.pk} added")
        return Response(read_sheet(product_id), status=201)

    @operation(
        "products_arrange-photos",
        "Put a product's photos in order",
        body=PHOTOS,
        example={"photos": [{"id": 2, "alt": "The cup from above"}, {"id": 1}]},
        reply={200: ProductSheetJson},
        keyed="yes",
    )
    def put(self, request: AuthenticatedRequest, product_id: int) -> HttpResponse:
        """Say in which order all photos are shown, as staff, and with which words."""
        demand(request, MAY_CHANGE)
        asked = clean(PHOTOS, request)
        wishes = [Arranged(one["id"], one.get("alt")) for one in asked["photos"]]

        def arrange() -> ProductSheetJson:
            editing.arrange_photos(product_id=product_id, photos=wishes)
            product = Product.objects.get(pk=product_id)
            note(request, product, "photos put in order")
            return read_sheet(product_id)

        return once(request, arrange)


class ProductPhotoView(PersonalView):
    """One picture of a product."""

    @operation("products_delete-photo", "Remove a product's photo", reply={204: None})
    def delete(
        self, request: AuthenticatedRequest, product_id: int, photo_id: int
    ) -> Response:
        """Show a photo no longer, as staff; one that is not there is fine."""
        demand(request, MAY_CHANGE)
        editing.remove_photo(product_id=product_id, photo_id=photo_id)
        product = Product.objects.get(pk=product_id)
        note(request, product, f"photo {photo_id} removed")
        return Response(status=204)


def _taken(content: bytes) -> PictureSet:
    try:
        picture = pictures.read(content, longest=LONGEST_SIDE)
    except pictures.PictureTooLarge as error:
        raise PhotoTooLarge(error.detail, **error.extra) from None
    except pictures.NotAPicture as error:
        raise PhotoNotAPicture(error.detail) from None
    return pictures.make_set(picture, f"{FOLDER}/{pictures.mark(content)}")
