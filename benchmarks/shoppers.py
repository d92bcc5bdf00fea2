"""Shoppers who are signed in."""

from datetime import timedelta

from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
)
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.models import User
from api import tokens

BACKEND = "accounts.backends.PasswordBackend"


def access_tokens(number: int) -> list[str]:
    """Sign the first ``number`` shoppers in; return their tokens by place."""
    shoppers = list(User.objects.order_by("pk")[:number])
    until = timezone.now() + timedelta(days=1)
    sessions = [
        Session(session_key=get_random_string(32), session_data="", expire_date=until)
        for _ in shoppers
    ]
    Session.objects.bulk_create(sessions)
    return [
        tokens._pair(shopper, session.session_key, 0).access  # noqa: SLF001 — 10,000 at once
        for shopper, session in zip(shoppers, sessions, strict=True)
    ]


def session_cookie(user_id: int) -> str:
    """Sign a shopper in as a browser does; return its cookie."""
    user = User.objects.get(pk=user_id)
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = BACKEND
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    return f"sessionid={store.session_key}"
