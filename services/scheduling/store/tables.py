"""The tables of scheduling; no two appointments that stand may overlap in one schedule, whatever the code does."""

from sqlalchemy import Column, Date, DateTime, Integer, Interval, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSTZRANGE

METADATA = MetaData()

SCHEDULES = Table(
    "schedule",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("service", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("slot", Interval, nullable=False),
    Column("hours", JSONB, nullable=False),
    Column("opened_until", Date),
)

SLOTS = Table(
    "slot",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("schedule_id", Text, nullable=False),
    Column("during", TSTZRANGE, nullable=False),
)
"""Rows to lock; whether one is free say the appointments."""

PATIENTS = Table(
    "patient",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("system", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("birth_date", Text),
    Column("at", DateTime(timezone=True), nullable=False),
)

APPOINTMENTS = Table(
    "appointment",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("correlation", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("schedule_id", Text),
    Column("slots", ARRAY(Text), nullable=False),
    Column("during", TSTZRANGE),
    Column("patient_id", Text),
    Column("patient_system", Text),
    Column("patient_value", Text),
    Column("held_until", DateTime(timezone=True)),
    Column("deadline", DateTime(timezone=True)),
    Column("held_by", Text),
    Column("case_id", Text),
    Column("study_uid", Text),
    Column("cancel_reason", Text),
)
