"""What scheduling adds to the operator's page: follow-ups that wait for staff."""

from services.scheduling import store
from shared.ops import Level, Panel, Problem


def panels() -> list[Panel]:
    """How many wait, and how many of them too long."""
    with store.transaction() as session:
        waiting, overdue = store.appointments.proposed_counts(session)
    problem = Problem(Level.WATCH, f"follow-ups beyond their deadline: {overdue}")
    rows = [("wait for staff", waiting), ("beyond their deadline", overdue)]
    return [Panel("Follow-ups", ("Proposed", "Now"), rows, [problem] if overdue else ())]
