from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('outbox', '0006_handled'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='dispatch',
            index=models.Index(
                fields=['id'],
                condition=Q(dead_at__isnull=False, handled_at__isnull=True),
                name='dispatch_dead',
            ),
        ),
    ]
