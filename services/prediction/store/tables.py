"""The tables of prediction; what a resource says is one JSON document beside the columns that are searched."""

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

METADATA = MetaData()

PERSON = Table(
    "person",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("facts", JSONB, nullable=False),
)

INPUT = Table(
    "input",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("patient", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("taken_at", DateTime(timezone=True)),
    Column("counts", Boolean, nullable=False),
    Column("facts", JSONB, nullable=False),
)
BY_PATIENT = Index("input_patient", INPUT.c.patient, INPUT.c.taken_at, postgresql_where=INPUT.c.counts)

SAYING = Table(
    "saying",
    METADATA,
    Column("patient", Text, primary_key=True),
    Column("method", Text, primary_key=True),
    Column("said_at", DateTime(timezone=True), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("digest", Text, nullable=False),
)
