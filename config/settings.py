"""All settings, in one file, from the environment; ``.env.example`` lists them.

Without any, the shop runs on its embedded PostgreSQL and Redis for development and
demonstrations. ``SHOP_ENV=production`` turns the protective defaults on.
"""

from pathlib import Path
from typing import Any

import django_stubs_ext
import environ

from config import (
    brokers,
    content_policy,
    database,
    embedded,
    interface,
    live,
    logs,
    sign_in,
)
from config.payment_pages import payment_pages
from config.subscriptions import MORE_SUBSCRIPTIONS, SUBSCRIPTIONS

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

# --- Where the shop runs -------------------------------------------------------------

SHOP_ENV = env.str("SHOP_ENV", "development")
# What is unsafe here keeps the shop from starting: config/checks.py.
PRODUCTION = SHOP_ENV == "production"
DEBUG = env.bool("DEBUG", False)
STATE_DIR = embedded.state_dir()
# Threads of "web", "worker" and "live" keep their connections, those of others do not.
SHOP_PROCESS = env.str("SHOP_PROCESS", "command")
SHOP_BASE_URL = env.str("SHOP_BASE_URL", "http://127.0.0.1:8000")
# Where staff work; in production not where everybody tries first.
ADMIN_PATH = env.str("ADMIN_PATH", "back-office" if PRODUCTION else "admin").strip("/")

# --- Secrets -------------------------------------------------------------------------

# The fallback is only good for a machine that nobody else can reach.
SECRET_KEY = env.str(
    "SECRET_KEY",
    "" if PRODUCTION else "insecure-key-for-a-machine-that-nobody-else-can-reach",
)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
JWT_KEY = env.str("JWT_KEY", "")
JWT_KEY_FALLBACKS = env.list("JWT_KEY_FALLBACKS", default=[])

# --- Hosts and transport -------------------------------------------------------------

ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=[] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]"]
)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", PRODUCTION)
SECURE_REDIRECT_EXEMPT = ["^livez$", "^readyz$", "^metrics$"]  # asked in plain HTTP
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", False)
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
BEHIND_TLS_PROXY = env.bool("BEHIND_TLS_PROXY", False)
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# How many proxies in front of us may be believed about the client's address.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
# Browsers keep such names to this host, and to HTTPS.
COOKIE_PREFIX = "__Host-" if PRODUCTION else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrftoken"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = content_policy.policy()

# --- Apps and middleware -------------------------------------------------------------

INSTALLED_APPS = [
    "config",
    "demo",
    "drill",
    "shop",
    "api",
    "checkout",
    "notifications",
    "analytics",
    "cart",
    "payments",
    "reviews",
    "wishlist",
    "inventory",
    "coupons",
    "orders",
    "promotions",
    "points",
    "delivery",
    "catalog",
    "accounts",
    "webhooks",
    "outbox",
    "common",
    "config.admin_app.ShopAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "anymail",
    "channels",
    "csp",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "pgtrigger",
    "rest_framework",
    "tree_queries",
    *sign_in.APPS,
]
MIDDLEWARE = [
    "config.health.MachinesMiddleware",
    "common.middleware.RequestIdMiddleware",
    "api.middleware.ProblemMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "common.middleware.DatabaseAwayMiddleware",
    "common.middleware.PersonalAnswersMiddleware",
    "common.timing.ServerTimingMiddleware",
    "shop.middleware.BrowserHintsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "shop.language.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.browser_reports.PolicyMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "shop.devices.DeviceMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = True
CSRF_FAILURE_VIEW = "shop.views.errors.csrf_failure"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "csp.context_processors.nonce",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "shop.context_processors.storefront",
            ],
        },
    },
]

# --- Database ------------------------------------------------------------------------

# Which servers are the embedded ones, named by the setting that would replace them.
EMBEDDED_FOR = [name for name in ("DATABASE_URL", "REDIS_URL") if not env.str(name, "")]
ALLOW_EMBEDDED = env.bool("ALLOW_EMBEDDED", not PRODUCTION)

# Limits on points, in points. The database holds charges to them as well.
POINTS_MAX_CHARGE = env.int("POINTS_MAX_CHARGE", 1_000_000)
POINTS_MAX_BALANCE = env.int("POINTS_MAX_BALANCE", 10_000_000)
# What staff may give without a second one's yes, or without "refund_above_limit".
POINTS_TWO_EYES_LIMIT = env.int("POINTS_TWO_EYES_LIMIT", 100_000)
REFUND_LIMIT = env.int("REFUND_LIMIT", 300_000)
DATABASES: dict[str, dict[str, Any]] = database.databases(
    env,
    process=SHOP_PROCESS,
    parameters={
        "shop.points_max_charge": str(POINTS_MAX_CHARGE),
        "shop.points_max_balance": str(POINTS_MAX_BALANCE),
    },
)
if "replica" in DATABASES:
    DATABASE_ROUTERS = ["common.replica.Router"]
    MIDDLEWARE.append("common.replica.ReplicaMiddleware")
# Seconds that a replica may be behind before it is left alone.
REPLICA_MAX_LAG = env.float("REPLICA_MAX_LAG", 5)
# Seconds after which a request gives up a database that has fallen silent. Longer than
# the limits above, which end what is merely slow.
REQUEST_DEADLINE = env.float("REQUEST_DEADLINE", 10)

# --- Redis: cache, wake-ups, limits --------------------------------------------------

REDIS_URL = env.str("REDIS_URL", "") or embedded.redis_url(0)
# Redis never holds the truth, so nobody waits for it long.
REDIS_TIMEOUT = env.float("REDIS_TIMEOUT", 0.25)
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "common.cache.ForgivingRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "dojang",
        "TIMEOUT": 3600,
        "OPTIONS": {
            "socket_timeout": REDIS_TIMEOUT,
            "socket_connect_timeout": REDIS_TIMEOUT,
        },
    }
}

# --- Celery --------------------------------------------------------------------------

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", "") or embedded.celery_url(
    env.str("REDIS_URL", "") or embedded.redis_url(1)
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A wake-up that cannot be sent is not worth waiting for: beat sweeps anyway.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = brokers.transport_options(CELERY_BROKER_URL)
CELERY_TASK_DEFAULT_QUEUE_TYPE = brokers.queue_type(CELERY_BROKER_URL)
CELERY_TASK_DEFAULT_EXCHANGE_TYPE = brokers.exchange_type(CELERY_BROKER_URL)
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "celerybeat-schedule")

# --- Accounts ------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
# A shopper can buy at once; the banner asks for the verification.
ACCOUNT_EMAIL_VERIFICATION = env.str("ACCOUNT_EMAIL_VERIFICATION", "optional")
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
HEADLESS_JWT_PRIVATE_KEY = JWT_KEY or SECRET_KEY
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 15 * 60
HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN = 30 * 24 * 3600
globals().update(sign_in.OURS)
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION
# Staff may do nothing as such before they have set up a second step.
STAFF_SECOND_STEP = env.bool("STAFF_SECOND_STEP", PRODUCTION)
SOCIALACCOUNT_PROVIDERS = sign_in.providers(env)
SOCIALACCOUNT_REQUESTS_TIMEOUT = env.float("PROVIDER_TIMEOUT", 10)
CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"] += sign_in.pages(
    SOCIALACCOUNT_PROVIDERS
)
# The number of the app at Kakao, by which tokens made for it are known.
KAKAO_APP_ID = env.int("KAKAO_APP_ID", 0)
# PEM of the RSA key that signs what third parties are told of somebody.
OIDC_PRIVATE_KEY = env.str("OIDC_PRIVATE_KEY", "", multiline=True)

# --- E-mail --------------------------------------------------------------------------

EMAIL_BACKEND = env.str(
    "EMAIL_BACKEND",
    "django.core.mail.backends.smtp.EmailBackend"
    if PRODUCTION
    else "django.core.mail.backends.filebased.EmailBackend",
)
EMAIL_FILE_PATH = str(STATE_DIR / "mail")
EMAIL_HOST = env.str("EMAIL_HOST", "localhost")
EMAIL_PORT = env.int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = env.float("PROVIDER_TIMEOUT", 10)
# For EMAIL_BACKEND=anymail.backends.…; such a service reads its keys from here.
ANYMAIL: dict[str, Any] = {
    "REQUESTS_TIMEOUT": EMAIL_TIMEOUT,
    **env.dict("ANYMAIL", default={}),
}
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Dojang <shop@localhost>")

# --- Language and time ---------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ko", "한국어"), ("ru", "Русский")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = USE_TZ = True
TIME_ZONE = env.str("SHOP_TIME_ZONE", "Asia/Seoul")

# --- Files ---------------------------------------------------------------------------

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "config.bundles.BundleFinder",
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
]
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(STATE_DIR / "static")))
MEDIA_URL = "/media/"
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", str(STATE_DIR / "media")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# Without a build step in development: files are served from where they are written.
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = DEBUG
# Whether browsers may fetch pages ahead and keep a worker; tests look at one page only.
PAGES_AHEAD = SERVICE_WORKER = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
FILE_UPLOAD_HANDLERS = [
    "common.uploads.LimitedUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- API -----------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "api.authentication.TokenAuthentication",
        "api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["api.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "api.schema.AutoSchema",
    "EXCEPTION_HANDLER": "api.errors.exception_handler",
    "DEFAULT_METADATA_CLASS": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
# off, on, or what every quota is multiplied by; only tests and benchmarks have it off.
RATE_LIMITS = interface.rate_limits(env.str("RATE_LIMITS", "on"))
# Web pages at these addresses, https://app.example, may use the API with tokens.
CORS_ORIGINS = env.list("CORS_ORIGINS", default=[])
if CORS_ORIGINS:
    INSTALLED_APPS.append(interface.APP)
    MIDDLEWARE.insert(2, interface.MIDDLEWARE)
    globals().update(interface.cors(CORS_ORIGINS))
# Who sees the page that tries the API out: everybody, staff or nobody.
API_DOCS = env.str("API_DOCS", "staff" if PRODUCTION else "everybody")
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Dojang API",
    "DESCRIPTION": "Browse, claim coupons, charge points, order and pay.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "PREPROCESSING_HOOKS": ["api.routes.without_slash_twins"],
    "POSTPROCESSING_HOOKS": ["api.schema.add_shapes"],
    "SCHEMA_PATH_PREFIX": "/api",
}

# --- The shop's own rules ------------------------------------------------------------

SHOP_NAME = env.str("SHOP_NAME", "Dojang")
# Pages and API, which do not know each other, both hand it out.
PERSONAL_DATA = "shop.my_data.document"
# Who stands on invoices. The lines of the address are apart by semicolons.
SHOP_LEGAL_NAME = env.str("SHOP_LEGAL_NAME", SHOP_NAME)
SHOP_LEGAL_ADDRESS = env.str("SHOP_LEGAL_ADDRESS", "")
SHOP_TAX_ID = env.str("SHOP_TAX_ID", "")
SHOP_CURRENCY = env.str("SHOP_CURRENCY", "KRW")
# How long an unpaid order holds its stock and coupon.
PAYMENT_WINDOW_MINUTES = env.int("PAYMENT_WINDOW_MINUTES", 30)
BEST_SELLER_DAYS = 3
OUTBOX_SUBSCRIPTIONS = SUBSCRIPTIONS
OUTBOX_MORE_SUBSCRIPTIONS = MORE_SUBSCRIPTIONS
# How long a worker may be busy with events before another takes them over. Longer
# than any subscriber needs, or events are sent twice.
OUTBOX_LEASE_SECONDS = env.int("OUTBOX_LEASE_SECONDS", 30)

# --- Payment by others ---------------------------------------------------------------

# Points are always there. An outside method is offered once it is named here:
# stripe, paypal, btcpay; sandbox only outside production.
PAYMENT_GATEWAYS = env.list(
    "PAYMENT_GATEWAYS", default=[] if PRODUCTION else ["sandbox"]
)
# Seconds that a provider, carrier or channel has to answer.
PROVIDER_TIMEOUT = env.float("PROVIDER_TIMEOUT", 10)
# Calls to one provider of payments that a process makes at once; fewer than a web
# process has threads, so that a silent provider leaves some to serve the shop.
PROVIDER_CALLS = env.int("PROVIDER_CALLS", 1)
# How long an order waits for a shopper who left for a provider's page, and for a
# provider that does not answer.
PROVIDER_WINDOW_MINUTES = env.int("PROVIDER_WINDOW_MINUTES", 20)
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", "")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", "")
STRIPE_API_URL = env.str("STRIPE_API_URL", "https://api.stripe.com")
PAYPAL_CLIENT_ID = env.str("PAYPAL_CLIENT_ID", "")
PAYPAL_CLIENT_SECRET = env.str("PAYPAL_CLIENT_SECRET", "")
PAYPAL_WEBHOOK_ID = env.str("PAYPAL_WEBHOOK_ID", "")
PAYPAL_API_URL = env.str("PAYPAL_API_URL", "https://api-m.paypal.com")
BTCPAY_URL = env.str("BTCPAY_URL", "")
BTCPAY_STORE_ID = env.str("BTCPAY_STORE_ID", "")
BTCPAY_API_KEY = env.str("BTCPAY_API_KEY", "")
BTCPAY_WEBHOOK_SECRET = env.str("BTCPAY_WEBHOOK_SECRET", "")
SANDBOX_WEBHOOK_SECRET = env.str("SANDBOX_WEBHOOK_SECRET", SECRET_KEY)
# Besides the shop itself: where clients of the API may have payers come back to.
PAYMENT_RETURN_ORIGINS = env.list("PAYMENT_RETURN_ORIGINS", default=[])
CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"] += payment_pages(globals())

# --- Delivery ------------------------------------------------------------------------

# Where parcels come from; its public holidays are the shop's.
SHOP_COUNTRY = env.str("SHOP_COUNTRY", "KR")
# Carriers that may be asked for prices and labels: easypost; sandbox only outside
# production.
CARRIERS = env.list("CARRIERS", default=[] if PRODUCTION else ["sandbox"])
# How long a parcel of the sandbox stays in each of its states, in seconds.
SANDBOX_PARCEL_SECONDS = env.int("SANDBOX_PARCEL_SECONDS", 60)
EASYPOST_API_KEY = env.str("EASYPOST_API_KEY", "")
# The id of the shop's own address there, adr_….
EASYPOST_SENDER = env.str("EASYPOST_SENDER", "")
EASYPOST_WEBHOOK_SECRET = env.str("EASYPOST_WEBHOOK_SECRET", "")
EASYPOST_API_URL = env.str("EASYPOST_API_URL", "https://api.easypost.com")

# --- Notifications -------------------------------------------------------------------

# "console" prints text messages, "twilio" sends them, "" has none.
SMS_CHANNEL = env.str("SMS_CHANNEL", "" if PRODUCTION else "console")
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", "")
TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", "")
TWILIO_FROM = env.str("TWILIO_FROM", "")
TWILIO_API_URL = env.str("TWILIO_API_URL", "https://api.twilio.com")
# Where browsers open their WebSocket; empty: at the shop's own address, /ws/.
LIVE_URL = env.str("LIVE_URL", "")
ASGI_APPLICATION = "config.asgi.application"
CHANNEL_LAYERS = live.channel_layers(REDIS_URL)
CONTENT_SECURITY_POLICY["DIRECTIVES"]["connect-src"] += live.sources(LIVE_URL)

# --- Data platform -------------------------------------------------------------------

# Empty: paid orders wait in the outbox until there is one.
DATA_PLATFORM_URL = env.str("DATA_PLATFORM_URL", "")
DATA_PLATFORM_SECRET = env.str(
    "DATA_PLATFORM_SECRET", "" if PRODUCTION else "whsec_ZGV2ZWxvcG1lbnQtb25seQ=="
)
# http, amqp, kafka or file; TOPIC names the exchange, the topic, or the files.
DATA_PLATFORM_TRANSPORT = env.str("DATA_PLATFORM_TRANSPORT", "http")
DATA_PLATFORM_TOPIC = env.str("DATA_PLATFORM_TOPIC", "shop.orders")
# One POST per event, or one per batch where the platform takes CloudEvents batches.
DATA_PLATFORM_BATCH = env.bool("DATA_PLATFORM_BATCH", False)

# --- Webhooks: what other systems asked to be told of --------------------------------

# Whether plain HTTP and addresses of this network will do; never in production.
WEBHOOKS_MAY_BE_LOCAL = env.bool("WEBHOOKS_MAY_BE_LOCAL", not PRODUCTION)

# --- RabbitMQ: what other systems and we tell each other of products -----------------

# Empty: nobody is told, and nothing waits to be.
RABBITMQ_URL = env.str("RABBITMQ_URL", "")

# --- Watching the shop ---------------------------------------------------------------

LOG_FORMAT = logs.log_format(env, production=PRODUCTION)
LOGGING = logs.settings(env, production=PRODUCTION, process=SHOP_PROCESS)
# Who may read /metrics of web; and where a worker shows its own, 0 for nowhere.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
METRICS_HOST = env.str("METRICS_HOST", "127.0.0.1")
METRICS_PORT = env.int("METRICS_PORT", 0)
SENTRY_DSN = env.str("SENTRY_DSN", "")
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", "")
