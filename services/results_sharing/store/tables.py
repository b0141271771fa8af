"""The tables of results_sharing; a case's facts are one JSON document beside the columns that are searched."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

METADATA = MetaData()

PATIENTS = Table(
    "patient",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("facts", JSONB, nullable=False),
)

CASES = Table(
    "cases",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("study_uid", Text, unique=True),
    Column("patient_id", Text),
    Column("state", Text, nullable=False),
    Column("running_until", DateTime(timezone=True)),
    Column("open", Boolean, nullable=False),
    Column("lane_rank", SmallInteger, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("signed_at", DateTime(timezone=True)),
    Column("facts", JSONB, nullable=False),
)

KEYS = Table(
    "case_key",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("case_id", Text, ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True),
)

TIMELINE = Table(
    "timeline",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("message_id", Text, nullable=False),
    Column("case_id", Text),
    Column("event", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("lane", Text, nullable=False),
    Column("correlation", Text, nullable=False),
    Column("change", SmallInteger, nullable=False, server_default="0"),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("message_id", "case_id", name="timeline_once", postgresql_nulls_not_distinct=True),
)

REVIEWS = Table(
    "review",
    METADATA,
    Column("case_id", Text, ForeignKey("cases.id"), primary_key=True),
    Column("reader", Text, primary_key=True),
    Column("model", Text),
    Column("model_version", Text),
    Column("flagged", Boolean),
    Column("decision", Text),
    Column("decided_at", DateTime(timezone=True)),
    Column("facts", JSONB, nullable=False),
)

REPORTS = Table(
    "report",
    METADATA,
    Column("case_id", Text, ForeignKey("cases.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("status", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("practitioner", Text, nullable=False),
    Column("signed_at", DateTime(timezone=True), nullable=False),
    Column("ai_report", Text),
    Column("canonical", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("provenance", JSONB, nullable=False),
    Column("seconds_to_sign", Float),
    Column("risks", JSONB, nullable=False, server_default="[]"),
)

RISKS = Table(
    "risk",
    METADATA,
    Column("patient", Text, primary_key=True),
    Column("method", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("facts", JSONB, nullable=False),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("event", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

AUDIT_ABOUT = Table(
    "audit_about",
    METADATA,
    Column("about", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
)
"""By what an audit record is found again: `Patient/<id>`, or a study's `urn:oid:<uid>`, whosever study it turns out."""

HOLDS = Table(
    "release_hold",
    METADATA,
    Column("case_id", Text, ForeignKey("cases.id"), primary_key=True),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("held_by", Text, nullable=False),
    Column("held_at", DateTime(timezone=True), nullable=False),
    Column("wished_at", DateTime(timezone=True)),
    Column("released_at", DateTime(timezone=True)),
    Column("released_by", Text),
)
