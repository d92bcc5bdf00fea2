"""Settings and wiring: the only place that knows every app."""

import gc

# Most of what a process makes as it starts stays for good. Looking through it for
# garbage over and over was a fifth of the start.
gc.set_threshold(50_000, 20, 100)

from config.celery import app as celery_app  # noqa: E402 — is what takes long

__all__ = ["celery_app"]
