"""The demo's products are fit to be shown."""

from collections import Counter
from io import BytesIO

from PIL import Image

from demo import photos
from demo.catalogue import Article, articles, categories
from demo.photos import PICTURES, Look

ARTICLES = list(articles())


def test_there_is_enough_to_look_at() -> None:
    assert len(ARTICLES) >= 160
    assert len(categories()) == 11
    assert all(len(shelf.articles) >= 1 for c in categories() for shelf in c.shelves)


def test_skus_names_and_slugs_are_unique() -> None:
    for values in (
        [article.sku for article in ARTICLES],
        [article.name for article in ARTICLES],
        [article.slug for article in ARTICLES],
        [category.slug for category in categories()]
        + [shelf.slug for category in categories() for shelf in category.shelves],
    ):
        assert [value for value, count in Counter(values).items() if count > 1] == []


def test_each_product_has_a_photo_of_its_own() -> None:
    looks = Counter(article.look for article in ARTICLES)

    assert max(looks.values()) == 1
    assert [look for look in looks if not look.source.exists()] == []


def test_no_picture_lies_about_unused_or_unlicensed() -> None:
    used = {article.look.picture for article in ARTICLES}

    assert {path.stem for path in PICTURES.glob("*.webp")} == used
    licence = (PICTURES / "LICENSE.txt").read_text()
    assert "(c) Microsoft Corporation" in licence
    assert "(c) 2023 LobeHub" in licence


def test_descriptions_are_written_one_by_one() -> None:
    # The colours of one thing share its description.
    texts = {article.group or article.name: article.text for article in ARTICLES}
    openings = Counter(" ".join(text.split()[:4]) for text in texts.values())

    assert len(set(texts.values())) == len(texts)
    assert openings.most_common(1)[0][1] <= 2
    assert [name for name, text in texts.items() if not 40 <= len(text) <= 400] == []


def test_each_product_makes_sense() -> None:
    assert [article for article in ARTICLES if not _makes_sense(article)] == []


def test_some_are_sold_out_some_nearly_and_some_reduced() -> None:
    reduced = sum(article.was is not None for article in ARTICLES)

    assert sum(article.stock == 0 for article in ARTICLES) >= 5
    assert sum(0 < article.stock <= 5 for article in ARTICLES) >= 10
    assert 0.15 < reduced / len(ARTICLES) < 0.3


def test_a_photo_has_three_widths_in_two_formats_and_is_small() -> None:
    look = Look("teapot", hue=190, saturation=45)
    made = photos.make(look)

    for width in (320, 480, 800):
        for kind in ("avif", "webp"):
            with Image.open(BytesIO(made[f"{look.folder}/{width}.{kind}"])) as photo:
                assert photo.format == kind.upper()
                assert photo.size == (width, width * 5 // 4)
    assert len(made) == 6
    assert max(map(len, made.values())) < 16_000


def test_another_colour_is_another_photo() -> None:
    plain, turned = Look("teapot"), Look("teapot", hue=190)

    assert plain.name == f"{plain.folder}/800.webp"
    assert plain.name != turned.name
    assert photos.make(plain)[plain.name] != photos.make(turned)[turned.name]


def _makes_sense(article: Article) -> bool:
    return (
        article.price > 0
        and article.price % 100 == 0
        and (article.was is None or article.was > article.price)
        and article.grams > 0
        and article.stock >= 0
        and article.popularity > 0
        and len(article.sku) <= 30
    )
