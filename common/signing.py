"""Standard Webhooks: how receivers know that a message is the shop's, and is fresh."""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """Return a secret to be shared with one receiver."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature, as it stands in the ``webhook-signature`` header."""
    key = base64.b64decode(secret.strip().removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def signed_headers(
    message_id: str, body: bytes, signers: Sequence[str]
) -> dict[str, str]:
    """Return the headers of a message, with a signature of each secret."""
    timestamp = int(time.time())
    signatures = [sign(secret, message_id, timestamp, body) for secret in signers]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
