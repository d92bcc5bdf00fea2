"""Buyers with delivered orders, their reviews, and pictures to send in."""

import io
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from accounts.models import User
from catalog.models import Product
from checkout import services as checkout
from checkout.services import Purchase
from orders.models import Order, OrderLine, OrderStatus
from reviews import services as reviews
from reviews.models import Review
from tests.factories import UserFactory

TEXT = "Just what I was looking for."


def ordered(user: User, *products: Product) -> Order:
    """Let a shopper order and pay one of each product."""
    wish = Purchase(
        user_id=user.pk,
        email=user.email,
        quantities={product.pk: 1 for product in products},
    )
    return Order.objects.get(pk=checkout.place_and_pay(wish).id)


def delivered(user: User, *products: Product) -> Order:
    """Let an order of one of each product arrive."""
    order = ordered(user, *products)
    checkout.pack(order_id=order.pk, actor_id=None)
    checkout.ship(order_id=order.pk, carrier="Post", actor_id=None)
    checkout.deliver(order_id=order.pk, actor_id=None)
    order.refresh_from_db()
    return order


def received(user: User, *products: Product) -> Order:
    """Write an order down that arrived long ago; the books know nothing of it."""
    now = timezone.now()
    total = sum(product.price for product in products)
    order = Order.objects.create(
        user=user,
        email=user.email,
        status=OrderStatus.DELIVERED,
        subtotal=total,
        total=total,
        currency="KRW",
        paid_at=now,
    )
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            product=product,
            sku=product.sku,
            name=product.name,
            unit_price=product.price,
            quantity=1,
            paid_at=now,
        )
        for product in products
    )
    return order


def buyer_of(*products: Product, **fields: Any) -> User:
    """Return a new shopper who has got the products."""
    user = UserFactory.create(**fields)
    received(user, *products)
    return user


def written(
    product: Product, author: User | None = None, *, rating: int = 5, text: str = TEXT
) -> Review:
    """Return a review that staff have not read yet."""
    author = author or buyer_of(product)
    return reviews.write(
        user_id=author.pk, product_id=product.pk, rating=rating, text=text
    )


def published(
    product: Product, author: User | None = None, *, rating: int = 5, text: str = TEXT
) -> Review:
    """Return a review that everybody can read."""
    review = written(product, author, rating=rating, text=text)
    return reviews.publish(review_id=review.pk, actor_id=None)


def rating_of(product: Product) -> tuple[str | None, int]:
    """Return what the product says of its rating: average and count."""
    product.refresh_from_db(fields=["rating_average", "rating_count"])
    average = product.rating_average
    return None if average is None else str(average), product.rating_count


def image(
    form: str = "JPEG", size: tuple[int, int] = (64, 48), **options: Any
) -> bytes:
    """Return the bytes of a picture."""
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, form, **options)
    return buffer.getvalue()


def upload(content: bytes, name: str = "photo.jpg") -> SimpleUploadedFile:
    """Return a picture as a form sends it."""
    return SimpleUploadedFile(name, content, "image/jpeg")
