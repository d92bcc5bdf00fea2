"""What keeps a shop from starting in production."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as current
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from config import checks, protection, sign_in, telemetry

SAFE: dict[str, Any] = {
    "SHOP_ENV": "production",
    "PRODUCTION": True,
    "DEBUG": False,
    "RATE_LIMITS": 1.0,
    "SECRET_KEY": "s" * 50,
    "JWT_KEY": "j" * 32,
    "ALLOWED_HOSTS": ["shop.example"],
    "SHOP_BASE_URL": "https://shop.example",
    "BEHIND_TLS_PROXY": True,
    "TRUSTED_PROXIES": 1,
    "EMBEDDED_FOR": [],
    "ALLOW_EMBEDDED": False,
    "DATA_PLATFORM_URL": "https://data.example",
    "DATA_PLATFORM_SECRET": "whsec_bm90IHRoZSBkZW1vJ3MgYnV0IG91ciBvd24gb25l",
    "WEBHOOKS_MAY_BE_LOCAL": False,
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "SMS_CHANNEL": "",
    "CARRIERS": [],
    "PAYMENT_GATEWAYS": ["stripe"],
    "STRIPE_SECRET_KEY": "sk_live_of_somebody_else",
    "STRIPE_WEBHOOK_SECRET": "whsec_of_somebody_else",
    "SECRET_KEY_FALLBACKS": ["o" * 50],
    "JWT_KEY_FALLBACKS": ["o" * 32],
    "CSRF_TRUSTED_ORIGINS": ["https://shop.example"],
    "CORS_ORIGINS": ["https://app.example"],
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 31_536_000,
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
    "SESSION_COOKIE_NAME": "__Host-sessionid",
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_NAME": "__Host-csrftoken",
    "CSRF_COOKIE_SECURE": True,
    "PASSWORD_HASHERS": sign_in.OURS["PASSWORD_HASHERS"],
    "REDIS_URL": "redis://:secret@redis.example/0",
    "CELERY_BROKER_URL": "amqps://shop:secret@rabbit.example//",
    "ADMIN_PATH": "back-office",
    "STAFF_SECOND_STEP": True,
    "API_DOCS": "staff",
    "LOG_FORMAT": "json",
    "METRICS_TOKEN": "m" * 24,
}
ORIGINAL = {name: getattr(current, name, None) for name in dir(current)}
# One of them at a time keeps the shop from starting.
UNSAFE_PROTECTION: list[tuple[dict[str, Any], str]] = [
    ({"SECRET_KEY": "insecure" + "s" * 50}, "SECRET_KEY must have at least 50"),
    ({"SECRET_KEY_FALLBACKS": ["short"]}, "SECRET_KEY_FALLBACKS must be older keys"),
    ({"SECRET_KEY_FALLBACKS": ["s" * 50]}, "SECRET_KEY_FALLBACKS must be older keys"),
    ({"JWT_KEY_FALLBACKS": ["j" * 32]}, "JWT_KEY_FALLBACKS must be older keys"),
    ({"CSRF_TRUSTED_ORIGINS": ["http://shop.example"]}, "CSRF_TRUSTED_ORIGINS must"),
    ({"CSRF_TRUSTED_ORIGINS": ["https://*.example"]}, "CSRF_TRUSTED_ORIGINS must"),
    ({"SECURE_SSL_REDIRECT": False}, "SECURE_SSL_REDIRECT must be on"),
    ({"SECURE_HSTS_SECONDS": 3600}, "SECURE_HSTS_SECONDS must be at least 31536000"),
    ({"SECURE_HSTS_INCLUDE_SUBDOMAINS": False}, "SECURE_HSTS_INCLUDE_SUBDOMAINS must"),
    ({"SESSION_COOKIE_NAME": "sessionid"}, "SESSION_COOKIE_NAME must begin with"),
    ({"SESSION_COOKIE_SECURE": False}, "SESSION_COOKIE_SECURE and SESSION_COOKIE_HTT"),
    ({"SESSION_COOKIE_HTTPONLY": False}, "SESSION_COOKIE_SECURE and SESSION_COOKIE_H"),
    ({"SESSION_COOKIE_SAMESITE": "None"}, "SESSION_COOKIE_SAMESITE must be Lax"),
    ({"SESSION_COOKIE_DOMAIN": ".example"}, "SESSION_COOKIE_DOMAIN must be unset"),
    ({"CSRF_COOKIE_NAME": "csrftoken"}, "CSRF_COOKIE_NAME must begin with __Host-"),
    ({"CSRF_COOKIE_SECURE": False}, "CSRF_COOKIE_SECURE and CSRF_COOKIE_HTTPONLY"),
    ({"CSRF_COOKIE_HTTPONLY": False}, "CSRF_COOKIE_SECURE and CSRF_COOKIE_HTTPONLY"),
    ({"SESSION_COOKIE_AGE": 15 * 24 * 3600}, "SESSION_COOKIE_AGE must be at most"),
    ({"SECURE_CONTENT_TYPE_NOSNIFF": False}, "SECURE_CONTENT_TYPE_NOSNIFF must be"),
    ({"SECURE_CROSS_ORIGIN_OPENER_POLICY": None}, "SECURE_CROSS_ORIGIN_OPENER_POLICY"),
    ({"SECURE_REFERRER_POLICY": "unsafe-url"}, "SECURE_REFERRER_POLICY must be stri"),
    ({"X_FRAME_OPTIONS": "SAMEORIGIN"}, "X_FRAME_OPTIONS must be DENY"),
    (
        {"CONTENT_SECURITY_POLICY": {"DIRECTIVES": {"default-src": ["'none'"]}}},
        "CONTENT_SECURITY_POLICY must not allow *",
    ),
    (
        {
            "CONTENT_SECURITY_POLICY": {
                "DIRECTIVES": {
                    "default-src": ["'none'"],
                    "script-src": ["'self'", "'unsafe-eval'"],
                    "style-src": ["'self'"],
                }
            }
        },
        "CONTENT_SECURITY_POLICY must not allow 'unsafe-eval'",
    ),
    ({"CORS_ORIGINS": ["http://app.example"]}, "CORS_ORIGINS must name https://"),
    ({"CORS_ORIGINS": ["*"]}, "CORS_ORIGINS must name https://"),
    ({"DATA_UPLOAD_MAX_MEMORY_SIZE": 2**20}, "DATA_UPLOAD_MAX_MEMORY_SIZE must be"),
    ({"DATA_UPLOAD_MAX_MEMORY_SIZE": None}, "DATA_UPLOAD_MAX_MEMORY_SIZE must be"),
    ({"DATA_UPLOAD_MAX_NUMBER_FIELDS": 1000}, "DATA_UPLOAD_MAX_NUMBER_FIELDS must be"),
    ({"FILE_UPLOAD_HANDLERS": []}, "FILE_UPLOAD_HANDLERS must begin with"),
    (
        {"PASSWORD_HASHERS": sign_in.OURS["PASSWORD_HASHERS"][::-1]},
        "PASSWORD_HASHERS must begin with Argon2PasswordHasher",
    ),
    (
        {"DATABASES": {"default": {"HOST": "db.example", "OPTIONS": {}}}},
        "DATABASE_URL must say sslmode=require",
    ),
    (
        {
            "DATABASES": {
                "default": {"HOST": "/run/postgresql"},
                "replica": {"HOST": "10.0.0.7", "OPTIONS": {"sslmode": "prefer"}},
            }
        },
        "DATABASE_REPLICA_URL must say sslmode=require",
    ),
    ({"REDIS_URL": "redis://redis.example/0"}, "REDIS_URL must have a password"),
    (
        {"CELERY_BROKER_URL": "redis://10.0.0.8/1"},
        "CELERY_BROKER_URL must have a password",
    ),
    (
        {"CELERY_BROKER_URL": "amqp://guest:guest@rabbit.example//"},
        "CELERY_BROKER_URL must name a user of its own",
    ),
    (
        {"RABBITMQ_URL": "amqp://rabbit.example//"},
        "RABBITMQ_URL must name a user of its own",
    ),
    ({"CELERY_ACCEPT_CONTENT": ["json", "pickle"]}, "CELERY_ACCEPT_CONTENT must be j"),
    ({"CELERY_TASK_ACKS_LATE": False}, "CELERY_TASK_ACKS_LATE must be on"),
    (
        {"CELERY_TASK_REJECT_ON_WORKER_LOST": False},
        "CELERY_TASK_REJECT_ON_WORKER_LOST must be on",
    ),
    (
        {"CELERY_WORKER_PREFETCH_MULTIPLIER": 4},
        "CELERY_WORKER_PREFETCH_MULTIPLIER must be 1",
    ),
    ({"CELERY_TASK_TIME_LIMIT": None}, "CELERY_TASK_TIME_LIMIT must be set"),
    (
        {"CELERY_BROKER_TRANSPORT_OPTIONS": {"visibility_timeout": 60}},
        "CELERY_BROKER_TRANSPORT_OPTIONS: visibility_timeout",
    ),
    ({"ADMIN_PATH": "admin"}, "ADMIN_PATH must not be admin"),
    ({"ADMIN_PATH": ""}, "ADMIN_PATH must not be admin"),
    ({"STAFF_SECOND_STEP": False}, "STAFF_SECOND_STEP must be on"),
    ({"API_DOCS": "everybody"}, "API_DOCS must be staff or off"),
    ({"LOG_FORMAT": "line"}, "LOG_FORMAT must be json"),
    ({"METRICS_TOKEN": "short"}, "METRICS_TOKEN must have at least 24"),
]
# Everything that PayPal needs but a currency.
PAYPAL = {
    "PAYMENT_GATEWAYS": ["paypal"],
    "PAYPAL_CLIENT_ID": "AZ",
    "PAYPAL_CLIENT_SECRET": "EL",
    "PAYPAL_WEBHOOK_ID": "8P",
    "SHOP_CURRENCY": "KRW",
}


@pytest.fixture
def production(settings: Settings) -> Settings:
    for name, value in SAFE.items():
        setattr(settings, name, value)
    return settings


def complaints() -> list[str]:
    return [str(problem.msg) for problem in checks.problems()]


@pytest.mark.usefixtures("production")
def test_safe_settings_are_accepted() -> None:
    assert complaints() == []
    checks.refuse_unsafe()


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        *UNSAFE_PROTECTION,
        ({"DEBUG": True}, "DEBUG must be off"),
        ({"SECRET_KEY": ""}, "SECRET_KEY must have at least 50"),
        ({"SECRET_KEY": "s" * 49}, "SECRET_KEY must have at least 50"),
        ({"JWT_KEY": ""}, "JWT_KEY must have at least 32"),
        ({"JWT_KEY": "j" * 31}, "JWT_KEY must have at least 32"),
        ({"JWT_KEY": "s" * 50}, "JWT_KEY must be another than SECRET_KEY"),
        ({"ALLOWED_HOSTS": []}, "ALLOWED_HOSTS must name the shop's hosts"),
        ({"ALLOWED_HOSTS": ["shop.example", "*"]}, "ALLOWED_HOSTS must name"),
        ({"SHOP_BASE_URL": "http://shop.example"}, "SHOP_BASE_URL must begin with"),
        ({"RATE_LIMITS": 0.0}, "RATE_LIMITS must not be off"),
        ({"TRUSTED_PROXIES": 0}, "TRUSTED_PROXIES must count the proxy"),
        ({"EMBEDDED_FOR": ["DATABASE_URL"]}, "DATABASE_URL must be set"),
        ({"EMBEDDED_FOR": ["REDIS_URL"]}, "REDIS_URL must be set"),
        ({"WEBHOOKS_MAY_BE_LOCAL": True}, "WEBHOOKS_MAY_BE_LOCAL must be off"),
        ({"CARRIERS": ["sandbox"]}, "CARRIERS must not name sandbox"),
        ({"CARRIERS": ["pigeons"]}, "CARRIERS names pigeons"),
        ({"CARRIERS": ["easypost"]}, "EASYPOST_API_KEY, EASYPOST_SENDER, EASYPOST_W"),
        ({"PAYMENT_GATEWAYS": ["sandbox"]}, "PAYMENT_GATEWAYS must not name sandbox"),
        ({"PAYMENT_GATEWAYS": ["bank"]}, "PAYMENT_GATEWAYS names bank"),
        ({"STRIPE_WEBHOOK_SECRET": ""}, "STRIPE_WEBHOOK_SECRET must be set"),
        ({"PAYMENT_GATEWAYS": ["btcpay"]}, "BTCPAY_URL, BTCPAY_STORE_ID"),
        (
            PAYPAL | {"PAYPAL_WEBHOOK_ID": "", "SHOP_CURRENCY": "EUR"},
            "PAYPAL_WEBHOOK_ID must be set: PAYMENT_GATEWAYS names paypal",
        ),
        (PAYPAL, "PAYMENT_GATEWAYS must not name paypal: it takes no KRW"),
        ({"SMS_CHANNEL": "console"}, "SMS_CHANNEL must be twilio or empty"),
        ({"SMS_CHANNEL": "twilio"}, "TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_F"),
        ({"DATA_PLATFORM_SECRET": ""}, "DATA_PLATFORM_SECRET must be set"),
        (
            {"DATA_PLATFORM_SECRET": checks.DEMO_SECRET},
            "DATA_PLATFORM_SECRET must be set",
        ),
        ({"DATA_PLATFORM_SECRET": "whsec_c2hvcnQ="}, "DATA_PLATFORM_SECRET must be wh"),
        ({"DATA_PLATFORM_SECRET": "whsec_not base64"}, "DATA_PLATFORM_SECRET must be"),
        (
            {"DATA_PLATFORM_SECRET": f"{SAFE['DATA_PLATFORM_SECRET']},whsec_c2g="},
            "DATA_PLATFORM_SECRET must be whsec_",
        ),
        ({"DATA_PLATFORM_TRANSPORT": "pigeon"}, "DATA_PLATFORM_TRANSPORT must be http"),
        ({"DATA_PLATFORM_TOPIC": "shop/../x"}, "DATA_PLATFORM_TOPIC must be a name"),
        ({"DATA_PLATFORM_URL": "data.example"}, "DATA_PLATFORM_URL must begin with"),
        ({"DATA_PLATFORM_URL": "https:///x"}, "DATA_PLATFORM_URL must name a host"),
        (
            {"DATA_PLATFORM_TRANSPORT": "amqp"},
            "DATA_PLATFORM_URL must begin with amqp:// or amqps:// for the transport",
        ),
        (
            {"DATA_PLATFORM_TRANSPORT": "file", "DATA_PLATFORM_URL": "file:///nowhere"},
            "DATA_PLATFORM_URL must be a folder that is there",
        ),
        *(
            (
                {"EMAIL_BACKEND": f"django.core.mail.backends.{kind}.EmailBackend"},
                "EMAIL_BACKEND must send letters",
            )
            for kind in checks.MUTE
        ),
    ],
)
def test_each_unsafe_setting_is_named(
    changes: dict[str, Any], complaint: str, production: Settings
) -> None:
    for name, value in changes.items():
        setattr(production, name, value)

    [found] = complaints()

    assert found.startswith(complaint)
    with pytest.raises(SystemExit, match=complaint):
        checks.refuse_unsafe()


def test_embedded_servers_can_be_asked_for(production: Settings) -> None:
    production.EMBEDDED_FOR = ["DATABASE_URL", "REDIS_URL"]
    production.ALLOW_EMBEDDED = True

    assert complaints() == []


def test_without_a_data_platform_no_secret_is_needed(production: Settings) -> None:
    production.DATA_PLATFORM_URL = production.DATA_PLATFORM_SECRET = ""

    assert complaints() == []


def test_misspelt_environment_is_no_development(settings: Settings) -> None:
    settings.SHOP_ENV = "prod"

    assert complaints() == ["SHOP_ENV must be development or production, not prod."]


def test_development_needs_nothing() -> None:
    assert complaints() == []


@pytest.mark.parametrize(
    "start",
    [
        ["manage.py", "check"],
        ["manage.py", "serve"],
        ["-c", "import config.wsgi"],
        ["-m", "celery", "--app", "config", "worker", "--pool", "solo"],
    ],
    ids=["check", "serve", "web", "worker"],
)
def test_nothing_starts_without_its_secrets_and_servers(
    start: list[str], tmp_path: Path
) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    kept |= {"SHOP_ENV": "production", "SHOP_STATE_DIR": str(tmp_path / "state")}
    kept |= dict.fromkeys(("SECRET_KEY", "JWT_KEY", "DATABASE_URL", "REDIS_URL"), "")

    ended = subprocess.run(
        [sys.executable, *start],
        cwd=current.BASE_DIR,
        env=kept,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    for name in ("SECRET_KEY", "JWT_KEY", "ALLOWED_HOSTS", "SHOP_BASE_URL"):
        assert f"{name} must" in ended.stderr
    for name in ("DATABASE_URL", "REDIS_URL"):
        assert f"{name} must be set: the embedded servers" in ended.stderr
    assert not (tmp_path / "state").exists()


def test_kafka_takes_a_library_that_is_not_there_by_itself(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    production.DATA_PLATFORM_TRANSPORT = "kafka"
    production.DATA_PLATFORM_URL = "kafka://one.example:9092,two.example:9092"
    monkeypatch.setattr(checks, "find_spec", lambda _name: object())
    assert complaints() == []

    monkeypatch.setattr(checks, "find_spec", lambda _name: None)
    assert complaints() == [
        "DATA_PLATFORM_TRANSPORT=kafka needs: pip install confluent-kafka."
    ]


def test_way_to_the_platform_is_looked_at_in_development_too(
    settings: Settings,
) -> None:
    assert complaints() == []

    settings.DATA_PLATFORM_TRANSPORT = "pigeon"

    assert len(complaints()) == 1


def test_two_secrets_sign_while_one_is_being_replaced(production: Settings) -> None:
    production.DATA_PLATFORM_SECRET += ",whsec_dGhlIG9sZCBvbmUgb2YgYWxsIGxhc3QgeWVhcg=="

    assert complaints() == []


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_every_rule_has_a_setting_that_breaks_it(production: Settings) -> None:
    broken = set()
    for changes, _complaint in UNSAFE_PROTECTION:
        for name, value in changes.items():
            setattr(production, name, value)
        broken |= {str(problem.id) for problem in checks.problems()}
        for name in changes:
            setattr(production, name, SAFE.get(name, ORIGINAL[name]))

    rules = {f"shop.{rule.__name__}" for rule in protection.PRODUCTION_RULES}
    assert rules <= broken


def test_misspelt_words_are_named_in_development_too(settings: Settings) -> None:
    settings.LOG_FORMAT = "xml"
    assert complaints() == ["LOG_FORMAT must be json or line, not xml."]

    settings.LOG_FORMAT, settings.API_DOCS = "line", "nobody"
    assert complaints() == ["API_DOCS must be everybody, staff or off, not nobody."]


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("SENTRY_DSN", "sentry-sdk==2.75.0"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "-r requirements-otel.txt"),
    ],
)
def test_what_is_wanted_and_not_installed_is_named(
    name: str, package: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protection, "find_spec", lambda _module: None)
    setattr(settings, name, "https://key@errors.example/1")

    words = f"{name} is set, which needs: pip install {package}."
    assert complaints() == [words]
    with pytest.raises(ImproperlyConfigured, match=re.escape(words)):
        telemetry.start()
