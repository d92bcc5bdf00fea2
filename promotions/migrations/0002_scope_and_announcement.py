import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0002_search'),
        ('promotions', '0001_promotions'),
    ]

    operations = [
        migrations.AddField(
            model_name='promotion',
            name='announced_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='promotion',
            name='announcement',
            field=models.CharField(blank=True, help_text='Who agreed to hear of offers is told so when it starts; empty tells nobody.', max_length=200, verbose_name='announcement'),
        ),
        # The tables are those that Django made for the fields by itself.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name='PromotionCategory',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('category', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.category', verbose_name='category')),
                        ('promotion', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='category_rows', to='promotions.promotion')),
                    ],
                    options={
                        'verbose_name': 'category',
                        'verbose_name_plural': 'only for these categories',
                        'db_table': 'promotions_promotion_categories',
                        'unique_together': {('promotion', 'category')},
                    },
                ),
                migrations.AlterField(
                    model_name='promotion',
                    name='categories',
                    field=models.ManyToManyField(blank=True, related_name='+', through='promotions.PromotionCategory', to='catalog.category', verbose_name='categories'),
                ),
                migrations.CreateModel(
                    name='PromotionProduct',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('product', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.product', verbose_name='product')),
                        ('promotion', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='product_rows', to='promotions.promotion')),
                    ],
                    options={
                        'verbose_name': 'product',
                        'verbose_name_plural': 'only for these products',
                        'db_table': 'promotions_promotion_products',
                        'unique_together': {('promotion', 'product')},
                    },
                ),
                migrations.AlterField(
                    model_name='promotion',
                    name='products',
                    field=models.ManyToManyField(blank=True, related_name='+', through='promotions.PromotionProduct', to='catalog.product', verbose_name='products'),
                ),
            ],
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='promotioncategory',
            trigger=pgtrigger.compiler.Trigger(name='raise_version', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n    UPDATE promotions_promotion SET version = version + 1\n     WHERE id IN (NEW.promotion_id, OLD.promotion_id);\n    RETURN NULL;\n', hash='3770c13e25e3f43b9c92e854ca1a99c22ae96475', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_raise_version_a0cac', table='promotions_promotion_categories', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='promotionproduct',
            trigger=pgtrigger.compiler.Trigger(name='raise_version', sql=pgtrigger.compiler.UpsertTriggerSql(func='\n    UPDATE promotions_promotion SET version = version + 1\n     WHERE id IN (NEW.promotion_id, OLD.promotion_id);\n    RETURN NULL;\n', hash='37982d57f53a0863ca09652623cf0e088b20a30b', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_raise_version_eb58b', table='promotions_promotion_products', when='AFTER')),
        ),
    ]
