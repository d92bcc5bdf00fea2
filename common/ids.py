"""Identifiers made in Python, so that a purchase needs no round trip to learn them."""

import os
import time
import uuid

# Crockford's base 32: no I, L, O, U, so that numbers survive a phone call.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NUMBER_LENGTH = 10


def uuid7() -> uuid.UUID:
    """Return a UUID version 7 (RFC 9562): 60 bits of time, 62 random bits.

    Behind the milliseconds stand 12 bits of their fraction (its method 3), as in
    PostgreSQL's: ids that a process makes one after the other sort that way.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = (nanoseconds << 12) // 1_000_000
    value = (milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62)
    return uuid.UUID(int=value | int.from_bytes(os.urandom(8)) >> 2)


def public_number() -> str:
    """Return an unguessable order number, e.g. ``7KQF2M9X4T``; the last is a check."""
    # Five bits a character, so one call to the system is enough for all of them.
    value = int.from_bytes(os.urandom(6))
    body = "".join(
        ALPHABET[value >> 5 * place & 31] for place in range(NUMBER_LENGTH - 1)
    )
    return body + check_character(body)


def check_character(body: str) -> str:
    """Return the Luhn mod 32 check character of ``body``.

    It catches every single mistyped character and nearly all swapped neighbours.
    """
    total = 0
    for position, character in enumerate(reversed(body)):
        value = ALPHABET.index(character) * (2 if position % 2 == 0 else 1)
        total += value // len(ALPHABET) + value % len(ALPHABET)
    return ALPHABET[-total % len(ALPHABET)]


def is_public_number(text: str) -> bool:
    """Tell whether ``text`` could be an order number, without asking the database."""
    return (
        len(text) == NUMBER_LENGTH
        and all(character in ALPHABET for character in text)
        and check_character(text[:-1]) == text[-1]
    )
