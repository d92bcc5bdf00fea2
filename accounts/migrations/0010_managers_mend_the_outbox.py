"""Whoever runs the shop by day sends again what was given up at night."""

from django.db import migrations

GIVEN = {"manager": ("outbox.change_dispatch",)}


def give_roles(apps, schema_editor=None):
    group = apps.get_model("auth", "Group").objects.filter(name="manager").first()
    if group is None:
        return
    content_type, _new = apps.get_model(
        "contenttypes", "ContentType"
    ).objects.get_or_create(app_label="outbox", model="dispatch")
    permission, _new = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=content_type,
        codename="change_dispatch",
        defaults={"name": "Can change dispatch"},
    )
    group.permissions.add(permission)


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0009_roles_care"),
    ]

    operations = [migrations.RunPython(give_roles, migrations.RunPython.noop)]
