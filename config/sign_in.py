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
}


def settings(env: Any, *, is_production: bool) -> dict[str, Any]:
    """Return them by name; a service without its secret is off."""
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
    return OURS | {
        "MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN": not is_production,
        "SOCIALACCOUNT_PROVIDERS": {
            name: provider(name, client_id, secret)
            for name, (client_id, secret) in keys.items()
            if client_id and secret
        },
        # The number of the app at Kakao, by which its tokens for apps are known.
        "KAKAO_APP_ID": env.int("KAKAO_APP_ID", 0),
        "SOCIALACCOUNT_ADAPTER": "shop.social.SocialAdapter",
        # An address that the service has proved opens the account that has it.
        "SOCIALACCOUNT_EMAIL_AUTHENTICATION": True,
        "SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT": True,
        # One that it has not is proved to us before anybody is let in.
        "SOCIALACCOUNT_EMAIL_VERIFICATION": "mandatory",
        "SOCIALACCOUNT_REQUESTS_TIMEOUT": env.float("PROVIDER_TIMEOUT", 10),
        # Staff may do nothing as such before they have set up a second step.
        "STAFF_SECOND_STEP": env.bool("STAFF_SECOND_STEP", is_production),
        # Older keys of the API's tokens, while those are still about.
        "JWT_KEY_FALLBACKS": env.list("JWT_KEY_FALLBACKS", default=[]),
        # Seconds that the link of a letter sets a password.
        "PASSWORD_RESET_TIMEOUT": 30 * 60,
        # Third parties: PEM of the RSA keys that sign what they are told of somebody.
        "OIDC_PRIVATE_KEY": env.str("OIDC_PRIVATE_KEY", "", multiline=True),
        "IDP_OIDC_ADAPTER": "shop.third_parties.ThirdPartyAdapter",
        "IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN": 15 * 60,
        "IDP_OIDC_REFRESH_TOKEN_EXPIRES_IN": 30 * 24 * 3600,
    }


def provider(name: str, client_id: str, secret: str) -> dict[str, Any]:
    """Return what allauth has to know of a service that is on."""
    return PROVIDERS[name] | {"APPS": [{"client_id": client_id, "secret": secret}]}


def pages(providers: dict[str, dict[str, Any]]) -> list[str]:
    """Return the origins of the services that are on, for the pages' policy."""
    return [page for one in providers.values() for page in one["pages"]]
