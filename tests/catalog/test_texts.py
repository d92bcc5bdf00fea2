"""Names in the reader's language, and how they are found."""

import pytest
from django.db import DatabaseError, IntegrityError
from django.utils import translation

from cart import services as carts
from cart.models import CartItem
from catalog import wordlists
from catalog.models import Category, Phrase, Product, ProductText
from catalog.search import Asked, find
from catalog.texts import local, local_description, local_name
from common.memo import Memo
from tests.factories import CategoryFactory, ProductFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forget() -> None:
    Memo.clear_all()


@pytest.fixture
def jar() -> Product:
    jar = ProductFactory.create(name="Moon jar", description="White porcelain.")
    ProductText.objects.create(
        product=jar, language="ko", name="달항아리", description="하얀 백자입니다."
    )
    ProductText.objects.create(product=jar, language="ru", name="Лунная ваза")
    return jar


def name_in(language: str) -> str:
    with translation.override(language):
        products = Product.objects.annotate(shown=local_name())
        return str(products.values_list("shown", flat=True).get())


def test_product_is_called_as_its_reader_speaks(jar: Product) -> None:
    assert name_in("en") == "Moon jar"
    assert name_in("ko") == "달항아리"
    assert name_in("ru") == "Лунная ваза"


def test_product_without_a_text_keeps_its_own_name() -> None:
    ProductFactory.create(name="Teapot")

    assert name_in("ko") == "Teapot"


def test_text_without_a_description_leaves_the_shop_s_own(jar: Product) -> None:
    said = Product.objects.annotate(shown=local_description(language="ru"))

    assert said.values_list("shown", flat=True).get() == "White porcelain."


def test_name_is_found_from_a_row_beside_the_product(jar: Product) -> None:
    cart = carts.of_user(UserFactory.create().pk)
    carts.add(cart_id=cart.pk, product_id=jar.pk, quantity=1)
    items = CartItem.objects.annotate(shown=local_name("product", language="ko"))

    assert items.values_list("shown", flat=True).get() == "달항아리"


@pytest.mark.parametrize("text", ["달항아리", "백자", "лунную вазу", "moon jar"])
def test_product_is_found_in_every_language(jar: Product, text: str) -> None:
    ProductFactory.create(name="Teapot")

    assert list(find(Asked(text=text)).product_ids) == [jar.pk]


def test_changed_and_removed_texts_are_no_longer_found(jar: Product) -> None:
    version = Product.objects.get().version
    ProductText.objects.filter(language="ko").update(name="백자 항아리")
    ProductText.objects.filter(language="ru").delete()

    jar.refresh_from_db()
    assert jar.other_names == "백자 항아리"
    assert jar.other_descriptions == "하얀 백자입니다."
    # Cards of the product are made anew.
    assert jar.version == version + 2
    assert list(find(Asked(text="вазу")).product_ids) == []


def test_text_stays_with_its_product(jar: Product) -> None:
    other = ProductFactory.create()

    with pytest.raises(DatabaseError):
        ProductText.objects.filter(language="ko").update(product=other)


def test_product_has_one_text_per_language(jar: Product) -> None:
    with pytest.raises(IntegrityError):
        ProductText.objects.create(product=jar, language="ko", name="항아리")


def test_short_names_come_from_the_phrasebook() -> None:
    Phrase.objects.create(source="Kitchen", language="ko", text="주방")

    assert local("Kitchen", "ko") == "주방"
    assert local("Kitchen", "ru") == "Kitchen"
    assert local("Kitchen") == "Kitchen"
    assert local("Garden", "ko") == "Garden"


def test_vocabulary_knows_the_other_languages(jar: Product) -> None:
    kitchen: Category = CategoryFactory.create(name="Kitchen")
    Phrase.objects.create(source="Kitchen", language="ko", text="주방")
    words = wordlists.refresh_vocabulary()

    assert words.knows("달항아리")
    assert [phrase.text for phrase in words.beginning("лун")] == [
        "лунная",
        "лунная ваза",
    ]
    assert [shelf.id for shelf in words.shelves_beginning("주방")] == [kitchen.pk]
