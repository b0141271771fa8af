"""One-time codes: how a patient without a password signs in, and what a code must be worth.

Sources: NIST SP 800-63B 5.1.3 (out-of-band), 5.2.2 (throttling); the code is typed once, within minutes.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from uuid import NAMESPACE_URL, uuid5

ALPHABET: Final = "23456789BCDFGHJKMNPQRSTVWXZ"
"""No vowel, so no word; nothing that is read as something else (0 and O, 1, I and L)."""

LENGTH: Final = 8
"""2.8 · 10^11 codes: with all tries that the limits allow in a day, one guess in 190 million is right."""

LASTS: Final = timedelta(minutes=10)
TRIES: Final = 5

REQUESTS: Final = 3
REQUESTS_WINDOW: Final = timedelta(minutes=15)
"""So many codes for one patient in this time: more would only tell somebody that a guess goes on."""

_PURPOSE: Final = b"sign-in code"
_NOBODY: Final = "https://consilium.example/sign-in-code/nobody/"
LONGEST_TYPED: Final = 64


def make_code() -> str:
    """A new code."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def for_people(code: str) -> str:
    """The code as it is read and said: in two halves."""
    return f"{code[: LENGTH // 2]}-{code[LENGTH // 2 :]}"


def as_typed(text: str) -> str:
    """What a person typed, without the spaces, hyphens and small letters that make no difference."""
    return "".join(character for character in text[:LONGEST_TYPED].upper() if character in ALPHABET)


def keyed_hash(key: bytes, holder: str, code: str) -> str:
    """What is kept of a code: without the gateway's key nobody finds the code from it, however few there are.

    Args:
        key: the gateway's private key, of which another key is made for this purpose.
        holder: whose code it is; the same code of two holders has two hashes.
    """
    own = hmac.digest(key, _PURPOSE, "sha256")
    return hmac.new(own, f"{holder} {code}".encode(), hashlib.sha256).hexdigest()


def spellings(number: str) -> tuple[str, ...]:
    """A hospital number as typed, and in capitals; none when no number looks so."""
    plain = number.strip()
    if not plain or len(plain) > LONGEST_TYPED or not plain.isprintable():
        return ()
    return tuple(dict.fromkeys((plain, plain.upper())))


def nobody(number: str) -> str:
    """The holder of a code that nobody gets: a number that is not known is treated like one that is."""
    return str(uuid5(NAMESPACE_URL, _NOBODY + number.strip().upper()))


def is_born(known: str | None, typed: str) -> bool:
    """Whether a date of birth is the patient's, as far as the hospital knows it (FHIR dates may be a year only)."""
    return bool(known) and len(typed) == len("YYYY-MM-DD") and typed.startswith(str(known))


def tries_key(what: str, patients: Iterable[str], number: str) -> str:
    """Under which tries for one patient are counted, without keeping the number; the same for each of their numbers."""
    about = ",".join(sorted(patients)) or number.strip().upper()
    return f"{what} {hashlib.sha256(about.encode()).hexdigest()}"
