"""What `hub doctor` looks at in results_sharing: the hospital's server, the audit's chain, the reconciliation."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import httpx

from services.results_sharing import signing, store
from services.results_sharing.domain.chain import check
from services.results_sharing.settings import settings
from services.results_sharing.store import transaction
from shared.cli.check import Check, failure, warning, well

_TIMEOUT_S = 5


def look() -> Iterator[Check]:
    """Everything that a report and its audit need beyond the plumbing."""
    yield _hospital()
    with transaction() as session:
        chain = check(store.audit_links(session), partial(signing.is_signed, settings().audit_key_file))
        counted = store.reconciliation(session, datetime.now(UTC))
    if chain.broken is None:
        yield well("audit", f"{chain.records} records are as they were written")
    else:
        yield failure("audit", f"record {chain.broken}: {chain.problem}", "Keep a copy, and tell the privacy officer.")
    if counted.unexplained:
        yield failure("cases", f"{counted.unexplained} are unexplained", "See `hub cases` and the dead letters.")
    else:
        yield well("cases", f"all {counted.accepted} are accounted for")


def _hospital() -> Check:
    address = f"{str(settings().ehr_url).rstrip('/')}/metadata"
    try:
        status = httpx.get(address, timeout=_TIMEOUT_S, trust_env=False).status_code
    except httpx.TransportError as error:
        return warning(
            "hospital", f"its server does not answer ({type(error).__name__})", "Reports wait; tell the hospital."
        )
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return warning("hospital", f"its server answers {status}", "Reports wait; tell the hospital.")
    return well("hospital", "its server answers")
