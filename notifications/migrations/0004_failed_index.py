from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('notifications', '0003_push_devices'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='message',
            index=models.Index(
                fields=['id'], condition=Q(state='failed'), name='message_failed'
            ),
        ),
    ]
