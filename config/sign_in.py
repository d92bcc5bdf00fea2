"""Settings of signing in: by password, by other services, and for third parties."""

from typing import Any

# What is asked for, and the origins that a form of ours may lead to by redirects.
PROVIDERS: dict[str, dict[str, Any]] = {
    "google": {
        "SCOPE": ["openid", "email", "profile"],
        "OAUTH_PKCE_ENABLED": True,
        "pages": ["https://accounts.google.com"],
    },
    "kakao": {
        "SCOPE": ["account_email", "profile_nickname"],
        "pages": ["https://kauth.kakao.com", "https://accounts.kakao.com"],
    },
    "yandex": {
        "SCOPE": ["login:info", "login:email"],
        "OAUTH_PKCE_ENABLED": True,
        "pages": [
            "https://oauth.yandex.com",
            "https://oauth.yandex.ru",
            "https://passport.yandex.com",
            "https://passport.yandex.ru",
        ],
    },
}
APPS = [
    "allauth.socialaccount",
    *(f"allauth.socialaccount.providers.{name}" for name in PROVIDERS),
    "allauth.idp.oidc",
]

# By e-mail address and password, and the second step after it.
OURS: dict[str, Any] = {
    "AUTHENTICATION_BACKENDS": [
        "accounts.backends.PasswordBackend",
        "allauth.account.auth_backends.AuthenticationBackend",
    ],
    "PASSWORD_HASHERS": [
        "django.contrib.auth.hashers.Argon2PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ],
    "AUTH_PASSWORD_VALIDATORS": [
        {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
        for name, options in (
            (
                "UserAttributeSimilarityValidator",
                {"user_attributes": ["email", "name"]},
            ),
            ("MinimumLengthValidator", {"min_length": 10}),
            ("CommonPasswordValidator", {}),
            ("NumericPasswordValidator", {}),
        )
    ],
    "SESSION_ENGINE": "accounts.sessions",
    "HEADLESS_ONLY": False,
    "HEADLESS_CLIENTS": ("app",),
    "HEADLESS_TOKEN_STRATEGY": (
        "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy"
    ),
    "HEADLESS_JWT_ALGORITHM": "HS256",
    "HEADLESS_JWT_ROTATE_REFRESH_TOKEN": True,
    "HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED": True,
    "ACCOUNT_USER_MODEL_USERNAME_FIELD": None,
    "ACCOUNT_LOGIN_METHODS": {"email"},
    "ACCOUNT_SIGNUP_FIELDS": ["email*", "password1*"],
    "ACCOUNT_UNIQUE_EMAIL": True,
    "ACCOUNT_PREVENT_ENUMERATION": True,
    "ACCOUNT_SESSION_REMEMBER": True,
    "ACCOUNT_LOGOUT_ON_GET": False,
    "ACCOUNT_ADAPTER": "shop.accounts_adapter.AccountAdapter",
    # Whoever signs up proves the address first; whoever has may come in anyway.
    "ACCOUNT_FORMS": {
        "login": "shop.sign_up.SignInForm",
        "signup": "shop.sign_up.SignUpForm",
    },
    "ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION": True,
    "SOCIALACCOUNT_FORMS": {"signup": "shop.social.SocialSignUpForm"},
    "MFA_ADAPTER": "shop.accounts_adapter.SecondStepAdapter",
    "MFA_SUPPORTED_TYPES": ["totp", "recovery_codes", "webauthn"],
    "MFA_PASSKEY_LOGIN_ENABLED": True,
    # Seconds that the link of a letter sets a password.
    "PASSWORD_RESET_TIMEOUT": 30 * 60,
    "SOCIALACCOUNT_ADAPTER": "shop.social.SocialAdapter",
    # An address that a service has proved opens the account that has it.
    "SOCIALACCOUNT_EMAIL_AUTHENTICATION": True,
    "SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT": True,
    # One that it has not is proved to us before anybody is let in.
    "SOCIALACCOUNT_EMAIL_VERIFICATION": "mandatory",
    "IDP_OIDC_ADAPTER": "shop.third_parties.ThirdPartyAdapter",
    "IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN": 15 * 60,
    "IDP_OIDC_REFRESH_TOKEN_EXPIRES_IN": 30 * 24 * 3600,
}


def providers(env: Any) -> dict[str, dict[str, Any]]:
    """Return the services that are on: those whose id and secret are set."""
    keys = {
        "google": (
            env.str("GOOGLE_CLIENT_ID", ""),
            env.str("GOOGLE_CLIENT_SECRET", ""),
        ),
        "kakao": (env.str("KAKAO_CLIENT_ID", ""), env.str("KAKAO_CLIENT_SECRET", "")),
        "yandex": (
            env.str("YANDEX_CLIENT_ID", ""),
            env.str("YANDEX_CLIENT_SECRET", ""),
        ),
    }
    return {
        name: provider(name, client_id, secret)
        for name, (client_id, secret) in keys.items()
        if client_id and secret
    }


def provider(name: str, client_id: str, secret: str) -> dict[str, Any]:
    """Return what allauth has to know of a service that is on."""
    return PROVIDERS[name] | {"APPS": [{"client_id": client_id, "secret": secret}]}


def pages(providers: dict[str, dict[str, Any]]) -> list[str]:
    """Return the origins of the services that are on, for the pages' policy."""
    return [page for one in providers.values() for page in one["pages"]]
