"""The tables of imaging."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
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
    Column("prior", Boolean, nullable=False, server_default="false"),
    Column("said", Integer, nullable=False, server_default="0"),
    Column("said_at", DateTime(timezone=True)),
    Column("say_at", DateTime(timezone=True)),
    Column("present", Integer, nullable=False, server_default="0"),
    Column("pictured", JSONB, nullable=False, server_default="[]"),
    Column("test_subject", Boolean, nullable=False, server_default="false"),
)
"""A trigger keeps `present`, `pictured`, `test_subject` and `last_instance_at` as instances come (revision 0008)."""

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
    Column("photometric", Text, nullable=False, server_default=""),
    Column("spacing", ARRAY(Float), nullable=False, server_default="{}"),
    Column("test_subject", Boolean, nullable=False, server_default="false"),
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
    Column("scores", ARRAY(Float)),
    Column("measure", Float),
    Column("mask", Text),
    Column("region", ARRAY(Float)),
    Column("frame", Integer, nullable=False, server_default="1"),
    Column("coverage", ARRAY(Integer)),
    Column("extent", JSONB(none_as_null=True)),
    Column("made_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("study", "model", "version", name="analysis_once"),
)

RESULT = Table(
    "result",
    METADATA,
    Column("study", Text, ForeignKey(STUDY.c.uid), primary_key=True),
    *(Column(name, Text, primary_key=True) for name in ("model", "version")),
    Column("instances", ARRAY(Text), nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    *(Column(name, Text) for name in ("problem", "lease")),
    Column("lease_until", DateTime(timezone=True)),
    Column("made_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("stored_at", DateTime(timezone=True)),
)
BY_WAY = Index("result_state", RESULT.c.state)

MODEL = Table(
    "model",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("facts", JSONB, nullable=False),
    Column("metadata", JSONB, nullable=False),
    Column("stage", Text, nullable=False),
    Column("percent", Integer, nullable=False, server_default="0"),
    Column("admitted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("admitted_by", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

MODEL_HISTORY = Table(
    "model_history",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("name", "version", "stage", "who", "why")),
    Column("before", Text),
    Column("percent", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    ForeignKeyConstraint(["name", "version"], ["model.name", "model.version"]),
)
OF_MODEL = Index("model_history_model", MODEL_HISTORY.c.name, MODEL_HISTORY.c.version, MODEL_HISTORY.c.id)

SHADOW_ANSWER = Table(
    "shadow_answer",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("study", Text, ForeignKey(STUDY.c.uid), nullable=False),
    *(Column(name, Text, nullable=False) for name in ("model", "version", "digest", "outcome")),
    Column("instance", Text),
    *(Column(name, Float) for name in ("probability", "threshold", "measure")),
    Column("scores", ARRAY(Float)),
    Column("made_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("study", "model", "version", name="shadow_answer_once"),
)

WATCHED = Table(
    "watched",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("study", Text, ForeignKey(STUDY.c.uid), nullable=False),
    *(Column(name, Text, nullable=False) for name in ("model", "version", "stage", "outcome", "sex")),
    Column("flagged", Boolean),
    Column("score", Float),
    Column("looks", JSONB, nullable=False),
    Column("age", Integer),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    UniqueConstraint("study", "model", "version", name="watched_once"),
)
WATCHED_OF = Index("watched_model", WATCHED.c.model, WATCHED.c.version, WATCHED.c.id)

READER_WORD = Table(
    "reader_word",
    METADATA,
    Column("study", Text, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("model", "version")),
    Column("decision", Text),
    Column("withdrawn", Boolean, nullable=False, server_default="false"),
    Column("heard_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
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


def _due() -> list[Column[Any]]:
    """A piece of work for the listener: when it is due, how often it was tried, and how it ended."""
    return [
        Column("asked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("due_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("ended_at", DateTime(timezone=True)),
        Column("error", Text),
    ]


COMMITMENT = Table(
    "commitment",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("peer", Text, nullable=False),
    Column("transaction", Text, nullable=False),
    Column("instances", JSONB, nullable=False),
    *_due(),
    UniqueConstraint("peer", "transaction", name="commitment_once"),
)

RETRIEVAL = Table(
    "retrieval",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("study", Text, nullable=False),
    Column("patient_id", Text, nullable=False),
    *_due(),
    UniqueConstraint("study", name="retrieval_once"),
)
