"""What roles may do for customers, and about much money. Roles that were removed stay so."""

from django.db import migrations

NOTES = ("accounts.view_customernote", "accounts.add_customernote")
CARE = ("accounts.care_for_user", "accounts.block_user", *NOTES)
TRUSTED = (
    "accounts.erase_user",
    "accounts.refund_above_limit",
    "accounts.approve_points",
)
WAITING = "points.view_pointcorrection"
GIVEN = {
    "owner": (*CARE, *TRUSTED, WAITING),
    "manager": (*CARE, *TRUSTED, WAITING),
    "support": (*CARE, WAITING),
    "auditor": (NOTES[0], WAITING),
}
# By permission: its model, and what Django would call it.
KNOWN = {
    "accounts.care_for_user": (
        "user",
        "Can sign a customer out, send letters, write notes",
    ),
    "accounts.block_user": ("user", "Can block a customer and let them in again"),
    "accounts.erase_user": ("user", "Can delete what is known of a customer"),
    "accounts.refund_above_limit": ("user", "Can refund more than the limit"),
    "accounts.approve_points": (
        "user",
        "Can approve points that another member of staff gives",
    ),
    "accounts.view_customernote": ("customernote", "Can view note about a customer"),
    "accounts.add_customernote": ("customernote", "Can add note about a customer"),
    "points.view_pointcorrection": (
        "pointcorrection",
        "Can view points given by staff",
    ),
}


def give_roles(apps, schema_editor=None):
    for role, names in GIVEN.items():
        group = apps.get_model("auth", "Group").objects.filter(name=role).first()
        if group is not None:
            group.permissions.add(*(_permission(apps, name) for name in names))


def _permission(apps, name):
    app, _dot, codename = name.partition(".")
    model, title = KNOWN[name]
    content_type, _new = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label=app, model=model
    )
    found, _new = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=content_type, codename=codename, defaults={"name": title}
    )
    return found


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0008_notes_about_customers'),
    ]

    operations = [migrations.RunPython(give_roles, migrations.RunPython.noop)]
