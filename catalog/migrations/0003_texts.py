import catalog.models
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0002_search'),
    ]

    operations = [
        migrations.AddField(
            model_name='product',
            name='other_descriptions',
            field=models.TextField(db_default='', editable=False),
        ),
        migrations.AddField(
            model_name='product',
            name='other_names',
            field=models.TextField(db_default='', editable=False),
        ),
        # What is generated cannot be altered, only made anew.
        migrations.RemoveIndex(model_name='product', name='product_search'),
        migrations.RemoveField(model_name='product', name='search'),
        migrations.AddField(
            model_name='product',
            name='search',
            field=models.GeneratedField(db_persist=True, expression=django.contrib.postgres.search.CombinedSearchVector(django.contrib.postgres.search.CombinedSearchVector(django.contrib.postgres.search.CombinedSearchVector(django.contrib.postgres.search.SearchVector('name', 'sku', 'other_names', config='simple', weight='A'), '||', django.contrib.postgres.search.SearchVector('name', 'other_names', config='shop', weight='A'), django.contrib.postgres.search.SearchConfig('simple')), '||', catalog.models.OptionWords('options'), django.contrib.postgres.search.SearchConfig('simple')), '||', django.contrib.postgres.search.SearchVector('description', 'other_descriptions', config='shop', weight='D'), django.contrib.postgres.search.SearchConfig('simple')), output_field=django.contrib.postgres.search.SearchVectorField()),
        ),
        migrations.AddIndex(model_name='product', index=django.contrib.postgres.indexes.GinIndex(fields=['search'], name='product_search')),
        migrations.CreateModel(
            name='Phrase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(max_length=200, verbose_name="in the shop's language")),
                ('language', models.CharField(max_length=8, verbose_name='language')),
                ('text', models.CharField(max_length=200, verbose_name='in that language')),
            ],
            options={
                'ordering': ['source', 'language'],
                'constraints': [models.UniqueConstraint(fields=('source', 'language'), name='phrase_once_per_language'), models.CheckConstraint(condition=models.Q(models.Q(('source', ''), _negated=True), models.Q(('text', ''), _negated=True)), name='phrase_says_something')],
            },
        ),
        migrations.CreateModel(
            name='ProductText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('language', models.CharField(max_length=8, verbose_name='language')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('description', models.TextField(blank=True, verbose_name='description')),
                ('product', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='texts', to='catalog.product')),
            ],
            options={
                'ordering': ['language'],
                'constraints': [models.UniqueConstraint(fields=('product', 'language'), name='product_text_once_per_language'), models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='product_text_named')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='producttext',
            trigger=pgtrigger.compiler.Trigger(name='tell_product', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                    UPDATE catalog_product SET\n                        other_names = coalesce(said.names, ''),\n                        other_descriptions = coalesce(said.descriptions, '')\n                      FROM (SELECT string_agg(name, ' ' ORDER BY language) AS names,\n                                   string_agg(description, ' ' ORDER BY language)\n                                       AS descriptions\n                              FROM catalog_producttext\n                             WHERE product_id = coalesce(NEW.product_id, OLD.product_id)\n                           ) AS said\n                     WHERE id = coalesce(NEW.product_id, OLD.product_id);\n                    RETURN NULL;\n                ", hash='e7438c94a76be1e5a0ad3325a2f9e7a1aeeec273', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_tell_product_e778b', table='catalog_producttext', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='producttext',
            trigger=pgtrigger.compiler.Trigger(name='stays_with_product', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."product_id" IS DISTINCT FROM (NEW."product_id"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='74108577af60c23ad785c811a075de598c5648d6', operation='UPDATE', pgid='pgtrigger_stays_with_product_4d6e3', table='catalog_producttext', when='BEFORE')),
        ),
    ]
