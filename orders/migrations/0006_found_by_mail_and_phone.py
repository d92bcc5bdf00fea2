import django.contrib.postgres.indexes
import django.db.models.fields.json
import django.db.models.functions.text
from django.contrib.postgres.operations import (
    AddIndexConcurrently,
    RemoveIndexConcurrently,
)
from django.db import migrations, models


class Migration(migrations.Migration):

    # Orders are placed while it runs.
    atomic = False

    dependencies = [
        ('orders', '0005_note'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Lower('email'), name='text_pattern_ops'), name='order_by_email'),
        ),
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(django.db.models.functions.text.Right(models.Func(django.db.models.fields.json.KeyTextTransform('phone', 'address'), models.Value('\\D'), models.Value(''), models.Value('g'), function='regexp_replace', output_field=models.TextField()), 8), name='order_by_phone'),
        ),
        RemoveIndexConcurrently(
            model_name='order',
            name='order_of_guest',
        ),
    ]
