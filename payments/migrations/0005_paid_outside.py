from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0004_refund_day'),
    ]

    operations = [
        migrations.AlterField(
            model_name='payment',
            name='method',
            field=models.CharField(choices=[('points', 'Points'), ('free', 'Free of charge'), ('stripe', 'Card or wallet'), ('paypal', 'PayPal'), ('btcpay', 'Cryptocurrency'), ('sandbox', 'Test card'), ('by_hand', 'Bank transfer or cash')], max_length=16, verbose_name='method'),
        ),
    ]
