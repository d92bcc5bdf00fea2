"""What a channel is: it takes a message, and answers by returning or by raising.

It is called outside of any transaction, by a worker, and is given up after
``settings.PROVIDER_TIMEOUT`` or a little more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it leaves, worded in the recipient's language."""

    # The same for each attempt, so that a receiver can recognise a repetition.
    id: str
    to: str
    subject: str
    text: str
    html: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class LetterChannel(Protocol):
    """A channel that carries letters to an address.

    ``send`` returns what the provider calls the message, or raises ``ChannelAway``,
    ``TryLater`` or ``MessageRefused`` of ``notifications.errors``.
    """

    def send(self, letter: Letter) -> str: ...
