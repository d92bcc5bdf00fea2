"""What a shop needs to be safe in production; without it, it does not start.

Each rule looks at the settings and says what is wrong, or nothing. ``manage.py check``
runs them as system checks, and every process that serves anybody runs them first.
"""

import re
import sys
from base64 import b64decode
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import Error
from django.core.exceptions import ImproperlyConfigured

from analytics.transports import SCHEMES
from config.payment_pages import NEEDED
from config.protection import PRODUCTION_RULES, Rule, extras, words, wrong_keys
from config.server_checks import server_problems as server_problems
from payments.gateways.paypal import CURRENCIES as PAYPAL_CURRENCIES

ENVIRONMENTS = ("development", "production")
MIN_SECRET_KEY = 50  # characters, as Django's own check wants them
KNOWN_KEYS = ("insecure", "change-me")  # how examples begin
MIN_JWT_KEY = 32  # as many bytes as its hash has
MIN_SIGNING_KEY = 24  # bytes, as Standard Webhooks wants them
TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")
DEMO_SECRET = "whsec_ZGV2ZWxvcG1lbnQtb25seQ=="  # everybody may know it
# Letters that these write reach nobody.
MUTE = ("console", "dummy", "filebased", "locmem")
# What a carrier does not work without.
CARRIER_SETTINGS = {
    "easypost": ("EASYPOST_API_KEY", "EASYPOST_SENDER", "EASYPOST_WEBHOOK_SECRET"),
}
# The same for text messages; "" means that there are none.
SMS_SETTINGS = {
    "": (),
    "twilio": ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM"),
}


def environment() -> str | None:
    if settings.SHOP_ENV not in ENVIRONMENTS:
        return f"SHOP_ENV must be development or production, not {settings.SHOP_ENV}."
    return None


def debug() -> str | None:
    return "DEBUG must be off: its pages show settings." if settings.DEBUG else None


def secret_key() -> str | None:
    key = _secret_key()
    if len(key) < MIN_SECRET_KEY or key.startswith(KNOWN_KEYS):
        return f"SECRET_KEY must have at least {MIN_SECRET_KEY} random characters."
    if wrong_keys(settings.SECRET_KEY_FALLBACKS, current=key, shortest=MIN_SECRET_KEY):
        return (
            "SECRET_KEY_FALLBACKS must be older keys, of at least"
            f" {MIN_SECRET_KEY} characters each."
        )
    return None


def rate_limits() -> str | None:
    return None if settings.RATE_LIMITS else "RATE_LIMITS must not be off."


def jwt_key() -> str | None:
    if len(settings.JWT_KEY) < MIN_JWT_KEY:
        return f"JWT_KEY must have at least {MIN_JWT_KEY} random characters."
    if _secret_key() == settings.JWT_KEY:
        return "JWT_KEY must be another than SECRET_KEY."
    older = settings.JWT_KEY_FALLBACKS
    if wrong_keys(older, current=settings.JWT_KEY, shortest=MIN_JWT_KEY):
        return (
            "JWT_KEY_FALLBACKS must be older keys, of at least"
            f" {MIN_JWT_KEY} characters each."
        )
    return None


def hosts() -> str | None:
    if not settings.ALLOWED_HOSTS:
        return "ALLOWED_HOSTS must name the shop's hosts."
    if "*" in settings.ALLOWED_HOSTS:
        return "ALLOWED_HOSTS must name the shop's hosts; * lets anybody be the host."
    return None


def base_url() -> str | None:
    if not settings.SHOP_BASE_URL.startswith("https://"):
        return "SHOP_BASE_URL must begin with https://."
    return None


def proxies() -> str | None:
    if settings.BEHIND_TLS_PROXY and settings.TRUSTED_PROXIES < 1:
        return (
            "TRUSTED_PROXIES must count the proxy of BEHIND_TLS_PROXY: without it all"
            " shoppers have one address and share its limits."
        )
    return None


def database() -> str | None:
    return _embedded("DATABASE_URL")


def redis() -> str | None:
    return _embedded("REDIS_URL")


def data_platform() -> str | None:
    if not settings.DATA_PLATFORM_URL:
        return None
    if settings.DATA_PLATFORM_SECRET in {"", DEMO_SECRET}:
        return "DATA_PLATFORM_SECRET must be set: it signs what leaves the shop."
    secrets = settings.DATA_PLATFORM_SECRET.split(",")
    if any(_key_bytes(secret) < MIN_SIGNING_KEY for secret in secrets):
        return (
            f"DATA_PLATFORM_SECRET must be whsec_ and at least {MIN_SIGNING_KEY} random"
            " bytes in base64."
        )
    return None


def data_platform_transport() -> str | None:
    """Say what is wrong with the way to the platform, in development, too."""
    name, url = settings.DATA_PLATFORM_TRANSPORT, settings.DATA_PLATFORM_URL
    if name not in SCHEMES:
        return f"DATA_PLATFORM_TRANSPORT must be {', '.join(SCHEMES)}, not {name}."
    if not TOPIC_NAME.fullmatch(settings.DATA_PLATFORM_TOPIC):
        return "DATA_PLATFORM_TOPIC must be a name of letters, digits, dots, - and _."
    if not url:
        return None
    if name == "kafka" and find_spec("confluent_kafka") is None:
        return "DATA_PLATFORM_TRANSPORT=kafka needs: pip install confluent-kafka."
    return _wrong_address(name, url)


def _wrong_address(name: str, url: str) -> str | None:
    address = urlsplit(url)
    if address.scheme not in SCHEMES[name]:
        wanted = " or ".join(f"{scheme}://" for scheme in SCHEMES[name])
        return f"DATA_PLATFORM_URL must begin with {wanted} for the transport {name}."
    if name == "file" and not (address.path and Path(address.path).is_dir()):
        return f"DATA_PLATFORM_URL must be a folder that is there; {url} is not."
    if name != "file" and not address.hostname:
        return f"DATA_PLATFORM_URL must name a host; {url} does not."
    return None


def webhooks() -> str | None:
    if settings.WEBHOOKS_MAY_BE_LOCAL:
        return "WEBHOOKS_MAY_BE_LOCAL must be off: they would reach into this network."
    return None


def gateways() -> str | None:
    offered = settings.PAYMENT_GATEWAYS
    if "sandbox" in offered:
        return "PAYMENT_GATEWAYS must not name sandbox: it gives goods for no money."
    for name in offered:
        if name not in NEEDED:
            return f"PAYMENT_GATEWAYS names {name}, which nobody knows."
        if missing := _unset(NEEDED[name]):
            return f"{missing} must be set: PAYMENT_GATEWAYS names {name}."
    return None


def gateway_currency() -> str | None:
    currency = settings.SHOP_CURRENCY
    if "paypal" in settings.PAYMENT_GATEWAYS and currency not in PAYPAL_CURRENCIES:
        return f"PAYMENT_GATEWAYS must not name paypal: it takes no {currency}."
    return None


def mail() -> str | None:
    if any(word in settings.EMAIL_BACKEND for word in MUTE):
        return f"EMAIL_BACKEND must send letters; {settings.EMAIL_BACKEND} does not."
    return None


def text_messages() -> str | None:
    channel = settings.SMS_CHANNEL
    if channel not in SMS_SETTINGS:
        return f"SMS_CHANNEL must be twilio or empty; {channel} sends to nobody."
    if missing := _unset(SMS_SETTINGS[channel]):
        return f"{missing} must be set: SMS_CHANNEL is {channel}."
    return None


def carriers() -> str | None:
    if "sandbox" in settings.CARRIERS:
        return "CARRIERS must not name sandbox: it makes parcels up."
    for name in settings.CARRIERS:
        if name not in CARRIER_SETTINGS:
            return f"CARRIERS names {name}, which nobody knows."
        if missing := _unset(CARRIER_SETTINGS[name]):
            return f"{missing} must be set: CARRIERS names {name}."
    return None


ANYWHERE: tuple[Rule, ...] = (data_platform_transport, words, extras)
RULES: tuple[Rule, ...] = (
    debug,
    secret_key,
    jwt_key,
    rate_limits,
    hosts,
    base_url,
    proxies,
    database,
    redis,
    data_platform,
    webhooks,
    gateways,
    gateway_currency,
    mail,
    text_messages,
    carriers,
    *PRODUCTION_RULES,
)


def problems(**_options: Any) -> list[Error]:
    """Return what is wrong with the settings, as system checks do."""
    return [
        Error(text, id=f"shop.{rule.__name__}")
        for rule, text in _broken()
        if text is not None
    ]


def refuse_unsafe() -> None:
    """End this process with a message if the settings are not safe."""
    found = problems()
    if found:
        lines = "".join(f"\n  {problem.msg}" for problem in found)
        # Not an exception: Celery would log it and go on.
        sys.exit(f"error: these settings are not safe in production:{lines}")


def _broken() -> Iterator[tuple[Rule, str | None]]:
    yield environment, environment()
    for rule in ANYWHERE:
        yield rule, rule()
    if settings.PRODUCTION:
        for rule in RULES:
            yield rule, rule()


def _key_bytes(secret: str) -> int:
    try:
        return len(b64decode(secret.strip().removeprefix("whsec_"), validate=True))
    except ValueError:
        return 0


def _secret_key() -> str:
    try:
        return str(settings.SECRET_KEY)
    except ImproperlyConfigured:  # Django's word for an empty one
        return ""


def _unset(names: Iterable[str]) -> str:
    return ", ".join(name for name in names if not getattr(settings, name))


def _embedded(name: str) -> str | None:
    if name in settings.EMBEDDED_FOR and not settings.ALLOW_EMBEDDED:
        return (
            f"{name} must be set: the embedded servers are for development. If you"
            " want them all the same, set ALLOW_EMBEDDED=1."
        )
    return None
