"""A small data platform: takes the shop's events and never takes one twice.

It stands for a system outside the shop, so it knows nothing of Django and of our
models: only CloudEvents over HTTP, Standard Webhooks signatures, and an SQLite file.
``python -m demo.receiver`` runs it alone.
"""

from demo.receiver.platform import DataPlatform

__all__ = ["DataPlatform"]
