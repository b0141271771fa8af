"""The tables of imaging."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

METADATA = MetaData()

STUDY = Table(
    "study",
    METADATA,
    Column("uid", Text, primary_key=True),
    Column("state", Text, nullable=False, server_default="receiving"),
    Column("hold", Text),
    Column("lane", Text, nullable=False, server_default="routine"),
    Column("version", Integer),
    Column("expected", Integer),
    Column("orders", ARRAY(Text), nullable=False, server_default="{}"),
    Column("announced_study", JSONB),
    Column("announced_patient", JSONB),
    Column("first_seen_at", DateTime(timezone=True), nullable=False),
    Column("last_instance_at", DateTime(timezone=True)),
    Column("look_at", DateTime(timezone=True)),
)
BY_ORDER = Index("study_orders", STUDY.c.orders, postgresql_using="gin")
BY_STATE = Index("study_state", STUDY.c.state)

INSTANCE = Table(
    "instance",
    METADATA,
    Column("uid", Text, primary_key=True),
    Column("series", Text, nullable=False),
    Column("study", Text, ForeignKey(STUDY.c.uid), nullable=False),
    *(Column(name, Text, nullable=False) for name in ("sop_class", "transfer_syntax", "digest")),
    Column("size", BigInteger, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("patient_id", "issuer", "modality", "body_part", "view")),
    Column("image_type", Text, nullable=False),
    Column("number", Integer),
    *(Column(name, Integer, nullable=False) for name in ("rows", "columns", "frames")),
    *(Column(name, Text, nullable=False) for name in ("study_date", "birth_date")),
    Column("has_pixels", Boolean, nullable=False),
    Column("hub_made", Boolean, nullable=False),
    Column("attributes", JSONB),
    Column("stored_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
BY_STUDY = Index("instance_study", INSTANCE.c.study, INSTANCE.c.series)

STUDY_FOUND = Table(
    "study_found",
    METADATA,
    Column("uid", Text, ForeignKey(STUDY.c.uid), primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("study_date", "study_time", "accession", "patient_id")),
    Column("patient_name", Text, nullable=False),
    Column("attributes", JSONB, nullable=False),
)
"""What a study is found by; its columns are the keys that are asked for most."""

SERIES_FOUND = Table(
    "series_found",
    METADATA,
    Column("study", Text, ForeignKey(STUDY.c.uid), primary_key=True),
    Column("uid", Text, primary_key=True),
    Column("modality", Text, nullable=False),
    Column("number", BigInteger),
    Column("attributes", JSONB, nullable=False),
)

ANALYSIS = Table(
    "analysis",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("study", Text, ForeignKey(STUDY.c.uid), nullable=False),
    *(Column(name, Text, nullable=False) for name in ("model", "version", "digest", "outcome")),
    *(Column(name, Text) for name in ("instance", "heat_map")),
    *(Column(name, Float) for name in ("probability", "threshold")),
    Column("made_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("study", "model", "version", name="analysis_once"),
)

QUARANTINE = Table(
    "quarantine",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("digest", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    *(Column(name, Text) for name in ("study", "instance", "decision", "decided_by")),
    Column("decided_at", DateTime(timezone=True)),
    UniqueConstraint("digest", "reason", name="quarantine_once"),
)

REVOKED_ORDER = Table(
    "revoked_order",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("revoked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
