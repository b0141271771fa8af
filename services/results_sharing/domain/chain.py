"""The audit's chain: each record's hash covers the one before, so a change, a gap or a swap shows.

Source: RFC 9162 has the same aim for certificates; here one line of records suffices.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

GENESIS = "0" * 64
"""What the first record follows."""


@dataclass(frozen=True)
class Link:
    """One record of the audit.

    Attributes:
        number: 1, 2, 3 … without a gap.
        event: the AuditEvent as canonical JSON.
        hash: SHA-256 of the previous hash and the event, in hex.
        signature: of the hash, by the service's own key.
    """

    number: int
    event: str
    hash: str
    signature: str


@dataclass(frozen=True)
class Finding:
    """What a check of the chain found.

    Attributes:
        records: how many were good.
        head: hash of the last good one; noted elsewhere it proves later that nothing was cut off the end.
        broken: number of the first record that is not as it was written; None when all are.
        problem: what is wrong with it.
    """

    records: int
    head: str
    broken: int | None = None
    problem: str | None = None


def link_hash(previous: str, event: str) -> str:
    """The hash of a record that follows `previous`."""
    return hashlib.sha256(f"{previous}{event}".encode()).hexdigest()


def check(links: Iterable[Link], is_signed: Callable[[str, str], bool]) -> Finding:
    """Follow the chain from its start.

    Args:
        is_signed: whether a signature (second) is ours for a hash (first).
    """
    head, count = GENESIS, 0
    for link in links:
        problem = None
        if link.number != count + 1:
            problem = "a record before it is missing"
        elif link.hash != link_hash(head, link.event):
            problem = "its content is not what was hashed"
        elif not is_signed(link.hash, link.signature):
            problem = "its signature is not this hub's"
        if problem:
            return Finding(count, head, link.number, problem)
        head, count = link.hash, count + 1
    return Finding(count, head)
