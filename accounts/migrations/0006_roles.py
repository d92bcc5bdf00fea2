"""The roles of staff, as groups. What becomes of them afterwards is the owner's.

Django makes permissions after all migrations, and groups need them now: those made
here are found by it, and stay as they are.
"""

from django.apps import apps as present_apps
from django.db import migrations

ACTIONS = {"v": "view", "a": "add", "c": "change", "d": "delete"}
ACT_FOR_ANY = "accounts.act_for_any"
# What staff meet, by app.
MODELS = {
    "accounts": "user address device",
    "analytics": "behaviourevent categoryfavourite customersegment dailyfunnel"
    " dailysales dailytakings itempair pairrun productscore reportrun rolluprun",
    "cart": "cart cartitem",
    "catalog": "category fruitlesssearch phrase popularity pricechange product"
    " productgroup productphoto producttext synonymgroup",
    "coupons": "coupon couponbatch personaloffer personalrule",
    "delivery": "deliverymethod pickuppoint rate zone",
    "inventory": "hold refusedmessages restockalert sourceversion stock stockmovement",
    "notifications": "channelstate message notification preference quiethours",
    "orders": "addresschange fulfilment fulfilmentevent fulfilmentline invoice order"
    " orderevent orderline return returnline",
    "outbox": "dispatch event",
    "payments": "payment providerevent refund refundleg refundline",
    "points": "ledgerentry pointaccount",
    "promotions": "campaign promotion promotioncategory promotionproduct promotionuse",
    "reviews": "helpfulvote review reviewphoto reviewreport",
    "webhooks": "endpoint",
    "wishlist": "wishlistitem",
}
WHOLE = {
    app: dict.fromkeys(models.split(), "v") for app, models in MODELS.items()
}
# By role: what it may do with which models. Letters are those of ACTIONS.
ROLES = {
    "owner": {
        app: dict.fromkeys(models, "vacd") for app, models in WHOLE.items()
    }
    | {"auth": {"group": "vacd"}, "admin": {"logentry": "v"}},
    "manager": WHOLE
    | {
        "catalog": dict.fromkeys(WHOLE["catalog"], "vacd"),
        "coupons": dict.fromkeys(WHOLE["coupons"], "vac"),
        "delivery": dict.fromkeys(WHOLE["delivery"], "vacd"),
        "inventory": WHOLE["inventory"] | {"stock": "vc", "stockmovement": "va"},
        "orders": dict.fromkeys(WHOLE["orders"], "v")
        | {"order": "vc", "fulfilment": "vac", "return": "vac"},
        "payments": WHOLE["payments"] | {"payment": "vc", "refund": "vac"},
        "points": {"pointaccount": "vc", "ledgerentry": "va"},
        "promotions": dict.fromkeys(WHOLE["promotions"], "vacd"),
        "reviews": WHOLE["reviews"] | {"review": "vc", "reviewreport": "vc"},
        "webhooks": {"endpoint": "vacd"},
    },
    "warehouse": {
        "catalog": {"category": "v", "product": "v", "productphoto": "v"},
        "delivery": WHOLE["delivery"],
        "inventory": WHOLE["inventory"] | {"stock": "vc", "stockmovement": "va"},
        "orders": WHOLE["orders"]
        | {"order": "vc", "fulfilment": "vac", "return": "vc"},
    },
    "support": {
        "accounts": {"user": "v", "address": "vc", "device": "v"},
        "cart": WHOLE["cart"],
        "catalog": {"category": "v", "product": "v", "pricechange": "v"},
        "coupons": {"coupon": "v", "couponbatch": "v", "personaloffer": "v"},
        "delivery": WHOLE["delivery"],
        "inventory": {"stock": "v", "restockalert": "v", "hold": "v"},
        "notifications": WHOLE["notifications"] | {"message": "vc"},
        "orders": WHOLE["orders"] | {"order": "vc", "return": "vac"},
        "payments": WHOLE["payments"] | {"refund": "va"},
        "points": WHOLE["points"],
        "promotions": {"campaign": "v", "promotion": "v", "promotionuse": "v"},
        "reviews": WHOLE["reviews"] | {"review": "vc", "reviewreport": "vc"},
        "wishlist": WHOLE["wishlist"],
    },
    "marketing": {
        "analytics": WHOLE["analytics"],
        "catalog": WHOLE["catalog"]
        | {"synonymgroup": "vacd", "phrase": "vacd", "producttext": "vac"},
        "coupons": {
            "coupon": "v",
            "couponbatch": "vac",
            "personaloffer": "v",
            "personalrule": "vac",
        },
        "inventory": {"stock": "v"},
        "promotions": dict.fromkeys(WHOLE["promotions"], "vacd")
        | {"promotionuse": "v"},
        "reviews": WHOLE["reviews"],
    },
    "analyst": {
        "analytics": WHOLE["analytics"] | {"dailysales": "vc"},
        "catalog": WHOLE["catalog"],
        "coupons": WHOLE["coupons"],
        "inventory": WHOLE["inventory"],
        "orders": WHOLE["orders"],
        "payments": {"payment": "v", "refund": "v"},
        "promotions": WHOLE["promotions"],
        "reviews": WHOLE["reviews"],
    },
    "auditor": WHOLE
    | {
        "admin": {"logentry": "v"},
        "auth": {"group": "v", "permission": "v"},
        "common": {"idempotencyrecord": "v"},
    },
}
# Whose work is about other people's accounts.
ACTS_FOR_OTHERS = {"owner", "manager", "support"}
# Who sets prices by the API, where nothing but the price is changed.
CHANGE_PRICE = "catalog.change_price"
SETS_PRICES = {"owner", "manager"}


def names_of(role):
    """Return the permissions of a role: ``app.action_model``."""
    names = {
        f"{app}.{ACTIONS[letter]}_{model}"
        for app, models in ROLES[role].items()
        for model, letters in models.items()
        for letter in letters
    }
    names |= {ACT_FOR_ANY} if role in ACTS_FOR_OTHERS else set()
    return names | ({CHANGE_PRICE} if role in SETS_PRICES else set())


def give_roles(apps, schema_editor=None):
    group_model = apps.get_model("auth", "Group")
    for role in ROLES:
        group, is_new = group_model.objects.get_or_create(name=role)
        if is_new:
            group.permissions.set([_permission(apps, name) for name in names_of(role)])


def take_roles(apps, schema_editor=None):
    apps.get_model("auth", "Group").objects.filter(name__in=ROLES).delete()


def _permission(apps, name):
    app, _dot, codename = name.partition(".")
    action, _line, model = codename.partition("_")
    title = "Can act for any user through the API"
    if name == ACT_FOR_ANY:
        model = "user"
    elif name == CHANGE_PRICE:
        model, title = "product", "Can change the price of a product"
    else:
        title = f"Can {action} {_words(app, model)}"
    content_type, _new = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label=app, model=model
    )
    found, _new = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=content_type, codename=codename, defaults={"name": title}
    )
    return found


def _words(app, model):
    try:
        return present_apps.get_model(app, model)._meta.verbose_name_raw
    except LookupError:
        return model


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0005_device_name'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
    ]

    operations = [migrations.RunPython(give_roles, take_roles)]
