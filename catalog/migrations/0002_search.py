import catalog.models
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# The stems of words, and no word left out as too common: Python does that, and only
# where others remain.
STEMS = """
    CREATE TEXT SEARCH DICTIONARY shop_english (TEMPLATE = snowball, LANGUAGE = english);
    CREATE TEXT SEARCH DICTIONARY shop_russian (TEMPLATE = snowball, LANGUAGE = russian);
    CREATE TEXT SEARCH CONFIGURATION shop (COPY = simple);
    ALTER TEXT SEARCH CONFIGURATION shop
        ALTER MAPPING FOR asciiword, asciihword, hword_asciipart WITH shop_english;
    ALTER TEXT SEARCH CONFIGURATION shop
        ALTER MAPPING FOR word, hword, hword_part WITH shop_russian;
"""
NO_STEMS = """
    DROP TEXT SEARCH CONFIGURATION shop;
    DROP TEXT SEARCH DICTIONARY shop_english, shop_russian;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="FruitlessSearch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "text",
                    models.CharField(max_length=100, unique=True, verbose_name="text"),
                ),
                ("times", models.PositiveIntegerField(verbose_name="times")),
                (
                    "corrected_to",
                    models.CharField(
                        blank=True, max_length=100, verbose_name="corrected to"
                    ),
                ),
                (
                    "first_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="first time",
                    ),
                ),
                ("last_at", models.DateTimeField(verbose_name="last time")),
            ],
            options={
                "verbose_name_plural": "fruitless searches",
                "ordering": ["-times", "-last_at"],
            },
        ),
        migrations.CreateModel(
            name="Popularity",
            fields=[
                (
                    "product",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="popularity",
                        serialize=False,
                        to="catalog.product",
                    ),
                ),
                ("score", models.FloatField()),
            ],
            options={
                "verbose_name_plural": "popularity",
            },
        ),
        migrations.CreateModel(
            name="SynonymGroup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "words",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60),
                        help_text="Separated by commas, e.g. laptop, notebook, portable computer. Searches follow within a minute.",
                        size=None,
                        verbose_name="words",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.RunSQL(STEMS, NO_STEMS),
        # What is generated cannot be altered, only made anew.
        migrations.RemoveIndex(model_name="product", name="product_search"),
        migrations.RemoveField(model_name="product", name="search"),
        migrations.AddField(
            model_name="product",
            name="search",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.contrib.postgres.search.CombinedSearchVector(
                    django.contrib.postgres.search.CombinedSearchVector(
                        django.contrib.postgres.search.CombinedSearchVector(
                            django.contrib.postgres.search.SearchVector(
                                "name", "sku", config="simple", weight="A"
                            ),
                            "||",
                            django.contrib.postgres.search.SearchVector(
                                "name", config="shop", weight="A"
                            ),
                            django.contrib.postgres.search.SearchConfig("simple"),
                        ),
                        "||",
                        catalog.models.OptionWords("options"),
                        django.contrib.postgres.search.SearchConfig("simple"),
                    ),
                    "||",
                    django.contrib.postgres.search.SearchVector(
                        "description", config="shop", weight="D"
                    ),
                    django.contrib.postgres.search.SearchConfig("simple"),
                ),
                output_field=django.contrib.postgres.search.SearchVectorField(),
            ),
        ),
        migrations.AddIndex(
            model_name="product",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["search"], name="product_search"
            ),
        ),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(
                models.OrderBy(
                    models.F("rating_average"), descending=True, nulls_last=True
                ),
                models.OrderBy(models.F("rating_count"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("published_at__isnull", False)),
                name="product_best_rated",
            ),
        ),
        migrations.AddIndex(
            model_name="fruitlesssearch",
            index=models.Index(fields=["-times", "-last_at"], name="most_fruitless"),
        ),
        migrations.AddIndex(
            model_name="popularity",
            index=models.Index(fields=["-score", "-product"], name="most_popular"),
        ),
        migrations.AddConstraint(
            model_name="popularity",
            constraint=models.CheckConstraint(
                condition=models.Q(("score__gt", 0), ("score__lt", float("inf"))),
                name="popularity_score_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="synonymgroup",
            constraint=models.CheckConstraint(
                condition=models.Q(("words__len__gte", 2), ("words__len__lte", 20)),
                name="synonym_group_has_two_to_twenty_words",
                violation_error_message="Give two to twenty words.",
            ),
        ),
    ]
