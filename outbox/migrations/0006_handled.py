from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):

    dependencies = [
        ('outbox', '0005_event_days'),
    ]

    operations = [
        migrations.AddField(
            model_name='dispatch',
            name='failures',
            field=models.JSONField(db_default=models.Value([], models.JSONField())),
        ),
        migrations.AddField(
            model_name='dispatch',
            name='handled_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='dispatch',
            name='handled_because',
            field=models.CharField(blank=True, db_default='', max_length=200),
        ),
        migrations.AddConstraint(
            model_name='dispatch',
            constraint=models.CheckConstraint(
                condition=Q(handled_at__isnull=True, handled_because='')
                | (
                    Q(handled_at__isnull=False, dead_at__isnull=False)
                    & ~Q(handled_because='')
                ),
                name='dispatch_handled_once_dead_for_a_reason',
            ),
        ),
    ]
