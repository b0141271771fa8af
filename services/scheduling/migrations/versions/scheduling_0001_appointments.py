"""Schedules, slots, appointments and patients.

The exclusion constraints need `btree_gist`, which the owner of a database may add (a trusted extension).
"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSTZRANGE, ExcludeConstraint

revision = "scheduling_0001"
down_revision = None
branch_labels = ("scheduling",)
depends_on = None


def _texts(*names: str, null: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=null) for name in names]


def _instants(*names: str, null: bool = False) -> list[sa.Column[datetime]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=null) for name in names]


def upgrade() -> None:
    """Expand."""
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    _calendar()
    _patient()
    _appointment()


def _calendar() -> None:
    op.create_table(
        "schedule",
        sa.Column("id", sa.Text, primary_key=True),
        *_texts("name", "service", "location", "zone"),
        sa.Column("slot", sa.Interval, nullable=False),
        sa.Column("hours", JSONB, nullable=False),
        sa.Column("opened_until", sa.Date),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "slot",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("schedule_id", sa.Text, sa.ForeignKey("schedule.id"), nullable=False),
        sa.Column("during", TSTZRANGE, nullable=False),
        ExcludeConstraint(("schedule_id", "="), ("during", "&&"), name="slot_once"),
    )
    op.create_index("slot_start", "slot", ["schedule_id", sa.text("lower(during)")])


def _patient() -> None:
    op.create_table(
        "patient",
        sa.Column("id", sa.Text, primary_key=True),
        *_texts("system", "value", "name"),
        *_texts("birth_date", null=True),
        *_instants("at"),
    )
    op.create_index("patient_identifier", "patient", ["value", "system"])


def _appointment() -> None:
    op.create_table(
        "appointment",
        sa.Column("id", sa.Text, primary_key=True),
        *_texts("status", "zone", "correlation", "lane"),
        sa.Column("version", sa.Integer, nullable=False),
        *_instants("created_at", "updated_at"),
        sa.Column("schedule_id", sa.Text, sa.ForeignKey("schedule.id")),
        sa.Column("slots", ARRAY(sa.Text), nullable=False),
        sa.Column("during", TSTZRANGE),
        *_texts("patient_id", "patient_system", "patient_value", null=True),
        *_instants("held_until", "deadline", null=True),
        *_texts("held_by", "case_id", "study_uid", "cancel_reason", null=True),
        sa.CheckConstraint("(during IS NULL) = (schedule_id IS NULL)", name="appointment_placed"),
        sa.CheckConstraint("status <> 'booked' OR during IS NOT NULL", name="appointment_booked_somewhere"),
        ExcludeConstraint(
            ("schedule_id", "="),
            ("during", "&&"),
            where=sa.text("status <> 'cancelled' AND during IS NOT NULL"),
            name="appointment_one_at_a_time",
        ),
    )
    op.create_index(
        "appointment_follow_up",
        "appointment",
        ["case_id"],
        unique=True,
        postgresql_where=sa.text("case_id IS NOT NULL"),
    )
    op.create_index(
        "appointment_proposed", "appointment", ["deadline"], postgresql_where=sa.text("status = 'proposed'")
    )
    op.create_index(
        "appointment_patient", "appointment", ["patient_id"], postgresql_where=sa.text("patient_id IS NOT NULL")
    )
