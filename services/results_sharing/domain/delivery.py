"""One report, one sender at a time, always the current version: neither a repeat nor a late retry overwrites more.

Source: https://martinfowler.com/articles/patterns-of-distributed-systems/lease.html
"""

from dataclasses import replace
from datetime import datetime, timedelta

from services.results_sharing.domain.case import Case, Delivery
from shared.errors import Unavailable

LEASE = timedelta(seconds=60)
"""Longer than any one try may take (`ehr.TOTAL`), so that a lease outlives only a dead sender."""


def leased(case: Case, owner: str, now: datetime) -> Case | None:
    """The case with its current version leased to `owner`; None when the hospital has it already.

    Raises:
        Unavailable: somebody else is sending.
    """
    way = case.delivery
    if way.acknowledged >= case.signed:
        return None
    if way.lease and way.lease != owner and way.lease_until and way.lease_until > now:
        raise Unavailable("Another worker is delivering this report")
    return replace(case, delivery=replace(way, lease=owner, lease_until=now + LEASE))


def acknowledged(case: Case, owner: str, version: int) -> Case:
    """The hospital confirmed a version.

    A sender that lost its lease may have overwritten a newer version: what the hospital holds is then unknown, and
    the current version goes out again.
    """
    if case.delivery.lease not in {owner, None} or version < case.delivery.acknowledged:
        return replace(case, delivery=replace(case.delivery, acknowledged=0))
    return replace(case, delivery=Delivery(acknowledged=version))


def missed(case: Case, owner: str, problem: str, *, failed: bool) -> Case:
    """A try that did not end in an acknowledgement.

    Args:
        problem: what was met, in words, never contents.
        failed: there will be no more tries unless a human replays.
    """
    way = case.delivery
    lease, until = (None, None) if way.lease == owner else (way.lease, way.lease_until)
    return replace(case, delivery=replace(way, lease=lease, lease_until=until, problem=problem, failed=failed))
