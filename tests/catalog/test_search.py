"""What a search finds, in which order, and what it costs."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import search_sql
from catalog import services as catalog
from catalog.models import Product, SynonymGroup
from catalog.search import Asked, Found, Sort, find, restriction, suggest
from tests.factories import CategoryFactory, ProductFactory

pytestmark = pytest.mark.django_db


def names(found: Found) -> list[str]:
    by_id = dict(Product.objects.values_list("pk", "name"))
    return [by_id[product_id] for product_id in found.product_ids]


def looked_for(text: str) -> list[str]:
    found = find(Asked(text=text, may_correct=False))
    assert found.count == len(found.product_ids)
    return names(found)


def test_a_hit_in_the_name_comes_before_one_in_the_text() -> None:
    ProductFactory.create(name="Shelf", description="A lamp fits on it, lamp by lamp.")
    ProductFactory.create(name="Lamp")

    assert looked_for("lamp") == ["Lamp", "Shelf"]


def test_the_popular_come_first_and_sold_out_last() -> None:
    plain = ProductFactory.create(name="Plain lamp")
    wanted = ProductFactory.create(name="Wanted lamp")
    gone = ProductFactory.create(name="Gone lamp", stock_on_hand=0)
    ProductFactory.create(name="New lamp")
    catalog.set_popularity({wanted.pk: 50.0, gone.pk: 900.0, plain.pk: 2.0})

    assert looked_for("lamp") == ["Wanted lamp", "Plain lamp", "New lamp", "Gone lamp"]


def test_no_popularity_makes_up_for_another_thing() -> None:
    shelf = ProductFactory.create(name="Shelf", description="For a lamp.")
    ProductFactory.create(name="Lamp")
    catalog.set_popularity({shelf.pk: 1e12})

    assert looked_for("lamp") == ["Lamp", "Shelf"]


def test_an_exact_word_comes_before_a_longer_one() -> None:
    ProductFactory.create(name="Cap")
    ProductFactory.create(name="Capsule")

    assert looked_for("cap") == ["Cap", "Capsule"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bicy", ["City bicycle"]),
        ("bicycles", ["City bicycle"]),
        ("generato", ["Steam generator"]),
        ("лампы", ["Настольная лампа"]),
        ("노트", ["노트북 가방"]),
        ("노트북", ["노트북 가방"]),
        ("가방", ["노트북 가방"]),
        ("gb-7", ["Keyboard"]),
        ("GB-77", ["Keyboard"]),
        ("celadon", ["Tea bowl"]),
        ("usb-c", ["Charger"]),
        ("quiet steam", ["Steam generator"]),
        ('"steam generator"', ["Steam generator"]),
        ('"generator steam"', []),
        ("bowl -tea", []),
        ("charger or bowl", ["Tea bowl", "Charger"]),
        ("hidden", []),
    ],
)
def test_words_are_found_however_they_are_written(text: str, found: list[str]) -> None:
    ProductFactory.create(name="City bicycle")
    ProductFactory.create(name="Steam generator", description="Very quiet.")
    ProductFactory.create(name="Настольная лампа")
    ProductFactory.create(name="노트북 가방")
    ProductFactory.create(name="Keyboard", sku="GB-77")
    ProductFactory.create(name="Charger", description="Has two USB-C sockets.")
    ProductFactory.create(name="Tea bowl", options={"colour": "Celadon"})
    ProductFactory.create(name="Hidden", published_at=None)

    assert looked_for(text) == found


def test_synonyms_find_each_other_and_what_was_typed_first() -> None:
    SynonymGroup.objects.create(words=["laptop", "notebook", "portable computer"])
    ProductFactory.create(name="Travel notebook")
    ProductFactory.create(name="Grey laptop")

    assert looked_for("laptop") == ["Grey laptop", "Travel notebook"]
    assert looked_for("notebook") == ["Travel notebook", "Grey laptop"]
    assert set(looked_for("portable computer")) == {"Travel notebook", "Grey laptop"}
    assert looked_for("portable") == []


def test_filters_and_orders() -> None:
    shelf = CategoryFactory.create()
    ProductFactory.create(name="a", price=300, rating_average=4, category=shelf)
    b = ProductFactory.create(name="b", price=100, compare_at_price=200)
    ProductFactory.create(name="c", price=200, compare_at_price=210, stock_on_hand=0)
    catalog.set_popularity({b.pk: 1.0})

    def listed(**wishes: object) -> str:
        return "".join(names(find(Asked(**{"facets": False, **wishes}))))  # type: ignore[arg-type]

    # What is sold out comes last, whatever the order.
    assert listed() == listed(sort=Sort.NEWEST) == "bac"
    assert listed(sort=Sort.PRICE) == "bac"
    assert listed(sort=Sort.PRICE_DOWN) == "abc"
    assert listed(sort=Sort.RATING) == "abc"
    assert listed(sort=Sort.POPULAR) == "bac"
    assert listed(sort=Sort.DISCOUNT) == "bac"
    assert listed(category_ids=frozenset({shelf.pk})) == "a"
    assert listed(price_min=100, price_max=200) == "bc"
    assert listed(rating_min=4) == "a"
    assert listed(in_stock=True) == "ba"
    assert listed(on_sale=True) == "bc"
    assert listed(offset=1, limit=1) == "a"


def test_attributes_narrow_to_one_of_the_values_of_each() -> None:
    for colour, size in (("red", "S"), ("red", "M"), ("blue", "M"), ("green", "M")):
        ProductFactory.create(
            name=f"{colour} {size}", options={"colour": colour, "size": size}
        )

    asked = Asked(attributes={"colour": ("red", "blue"), "size": ("M",)})

    assert set(names(find(asked))) == {"red M", "blue M"}
    odd = Asked(attributes={"'; --": ("%s", "\\")})
    assert find(odd).count == 0


@pytest.mark.parametrize(
    "text",
    ["'", '"', "\\", "\\'", "\x00?", "!!!", "x" * 10_000, "' OR 1=1 --", "%s", "%(q)s",
     "😀", "\ud800 🇰🇷", "a:*", "<script>", "((", "-", '-"', "or or or", "🇰🇷 -or-",
     "1e999", "http://a/b?c=d", "a@b.kr", "가\u1100", "\u202e-"],
)  # fmt: skip
def test_hostile_texts_break_nothing(text: str) -> None:
    ProductFactory.create(name="Lamp")

    for sort in (Sort.RELEVANCE, Sort.PRICE):
        found = find(Asked(text=text, sort=sort))
        assert (found.product_ids, found.count, found.is_capped) == ((), 0, False)
    suggest(text)


def test_a_text_without_words_finds_nothing_and_no_text_everything() -> None:
    ProductFactory.create(name="Lamp")

    assert find(Asked(text="?!")).count == 0
    assert restriction(Asked(text="?!")) is None
    for text in ("  ", "\x00", "\ud800", "\u202e"):
        assert find(Asked(text=text)).count == 1


def test_nothing_is_corrected_while_there_are_hits_without_the_filters() -> None:
    ProductFactory.create(name="Lamp", price=900)
    ProductFactory.create(name="Lamb wool", price=100)

    found = find(Asked(text="lamp", price_max=500))

    assert (found.count, found.correction) == (0, None)


def test_a_correction_may_be_declined() -> None:
    ProductFactory.create(name="Lamp")

    assert find(Asked(text="lmap")).count == 1
    assert find(Asked(text="lmap", may_correct=False)).count == 0


@pytest.mark.parametrize("facets", [True, False])
@pytest.mark.parametrize("sort", [Sort.RELEVANCE, Sort.NEWEST])
def test_more_hits_than_anybody_reads_are_not_counted(
    monkeypatch: pytest.MonkeyPatch, sort: Sort, *, facets: bool
) -> None:
    for module in ("search_sql", "search"):
        monkeypatch.setattr(f"catalog.{module}.MOST_HITS", 3)
    for number in range(5):
        ProductFactory.create(name="Lamp", price=100 + number)

    asked = Asked(text="lamp", sort=sort, facets=facets)
    found, few = find(asked), find(Asked(text="lamp", sort=sort, price_max=101))

    assert (found.count, found.is_capped) == (3, True)
    assert (few.count, few.is_capped, len(few.product_ids)) == (2, False, 2)
    if found.facets:
        assert found.facets.in_stock == 5


@pytest.mark.parametrize("facets", [True, False])
def test_of_more_hits_than_are_ranked_the_most_wanted_are_not_missed(
    monkeypatch: pytest.MonkeyPatch, *, facets: bool
) -> None:
    for module in ("search_sql", "search"):
        monkeypatch.setattr(f"catalog.{module}.MOST_HITS", 3)
    lamps = ProductFactory.create_batch(9, name="Lamp")
    for number, lamp in enumerate(lamps):
        catalog.set_popularity({lamp.pk: 5.0})
        asked = Asked(text="lamp", facets=facets, in_stock=number % 2 == 0)
        cache.clear()

        found = find(asked)

        assert found.product_ids[0] == lamp.pk
        assert len(set(found.product_ids)) == len(found.product_ids)


@pytest.mark.parametrize(
    ("asked", "statements"),
    [
        (Asked(text="lamp"), 1),
        (Asked(text="lamp", price_max=500, in_stock=True, offset=1), 1),
        (Asked(text="lamp", facets=False), 1),
        (Asked(text="lamp", sort=Sort.PRICE), 2),
        (Asked(), 2),
        (Asked(facets=False), 2),
    ],
)
def test_a_page_with_facets_takes_few_statements(asked: Asked, statements: int) -> None:
    ProductFactory.create_batch(3, name="Lamp", price=400)
    find(Asked(text="warm up, synonyms", may_correct=False))

    with CaptureQueriesContext(connection) as first:
        find(asked)
    with CaptureQueriesContext(connection) as again:
        find(asked)

    assert len(first) == statements
    # What is ranked is remembered, and so are facets and counts; pages are not.
    is_ranked = asked.text and asked.sort is Sort.RELEVANCE
    assert len(again) == (0 if is_ranked else 1)


def test_ranks_are_remembered_for_a_minute_and_no_longer() -> None:
    ProductFactory.create(name="Lamp")
    assert find(Asked(text="lamp")).count == 1
    ProductFactory.create(name="Lamp")

    assert find(Asked(text="lamp")).count == 1
    cache.clear()
    assert find(Asked(text="lamp")).count == 2


def test_suggestions_are_products_on_sale_and_the_likeliest_words() -> None:
    wanted = ProductFactory.create(name="Camp stove")
    ProductFactory.create(name="Camera")
    ProductFactory.create(name="Camel", published_at=None)
    catalog.set_popularity({wanted.pk: 99.0})

    found = suggest("cam")

    texts = [prediction.text for prediction in found.queries]
    assert texts == ["camp", "camp stove", "camera"]
    assert found.queries[0].pieces == (("cam", True), ("p", False))
    assert found.product_ids[0] == wanted.pk
    assert len(found.product_ids) == 2
    assert suggest("c") == suggest("") == suggest("!!")


def test_suggestions_see_through_slips_and_layouts() -> None:
    lamp = ProductFactory.create(name="Lamp")

    assert suggest("lapm").correction is not None
    assert suggest("lapm").product_ids == (lamp.pk,)
    assert [prediction.text for prediction in suggest("ㅣㅁㅡ").queries] == ["lamp"]
    assert [prediction.text for prediction in suggest("дфь").queries] == ["lamp"]
    assert search_sql.MOST_HITS == 2_000
