"""The letters that the running shop has sent, read as a mail program would."""

import email
import email.policy
import re
from pathlib import Path

from tests.running import wait_for

CONFIRM = re.compile(r"https?://\S+/accounts/confirm-email/\S+/")


def link_to_confirm(recipient: str, mail: Path) -> str:
    """Wait for the letter that asks whether the address is right; return its link."""
    wait_for(lambda: _links_to(recipient, mail), "the letter is there")
    return _links_to(recipient, mail)[0]


def _links_to(recipient: str, mail: Path) -> list[str]:
    found = []
    for file in mail.glob("*.log"):
        letter = email.message_from_bytes(
            file.read_bytes(), policy=email.policy.default
        )
        body = letter.get_body(("plain",))
        if body is not None and recipient in str(letter["To"]):
            found += CONFIRM.findall(body.get_content())
    return found
