"""The tables of the gateway."""

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    func,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID

METADATA = MetaData()

RESOURCE = Table(
    "resource",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("type", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("last_updated", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("origin", Text, nullable=False),
    Column("said_at", DateTime(timezone=True)),
    Column("patient", UUID(as_uuid=False)),
    Column("status", Text),
    Column("starts", DateTime(timezone=True)),
    Column("ends", DateTime(timezone=True)),
    Column("preliminary", Boolean, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("words", ARRAY(Text)),
)
"""The current version of each resource, with what it is searched by."""

RECENT = Index("resource_recent", RESOURCE.c.type, RESOURCE.c.last_updated.desc(), RESOURCE.c.id)
BY_PATIENT = Index(
    "resource_patient", RESOURCE.c.patient, RESOURCE.c.type, postgresql_where=RESOURCE.c.patient.is_not(None)
)
BY_WORD = Index(
    "resource_words", RESOURCE.c.words, postgresql_using="gin", postgresql_where=RESOURCE.c.words.is_not(None)
)
BY_TIME = Index("resource_time", RESOURCE.c.type, RESOURCE.c.starts, postgresql_where=RESOURCE.c.starts.is_not(None))

VERSION = Table(
    "resource_version",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("type", Text, nullable=False),
    Column("last_updated", DateTime(timezone=True), nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""What was current before."""

IDENTIFIER = Table(
    "identifier",
    METADATA,
    Column("id", UUID(as_uuid=False), primary_key=True),
    Column("system", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("is_key", Boolean, nullable=False),
)
"""Identifiers of resources; one that `is_key` belongs to one resource of its type and no other."""

KEYS = Index(
    "identifier_key",
    IDENTIFIER.c.type,
    IDENTIFIER.c.system,
    IDENTIFIER.c.value,
    unique=True,
    postgresql_where=IDENTIFIER.c.is_key,
)
BY_VALUE = Index("identifier_value", IDENTIFIER.c.value, IDENTIFIER.c.system)

ANSWER = Table(
    "answer",
    METADATA,
    Column("client", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("location", Text),
    Column("body", LargeBinary, nullable=False),
    Column("version", Integer),
    Column("modified", DateTime(timezone=True)),
    Column("given_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""What a caller was answered to a message id or an Idempotency-Key."""

ACCOUNT = Table(
    "account",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("fhir_user", Text),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

SIGN_IN = Table(
    "sign_in",
    METADATA,
    Column("sid", Text, primary_key=True),
    Column("account", Text, ForeignKey(ACCOUNT.c.name)),
    Column("patient", UUID(as_uuid=False)),
    Column("started_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended_at", DateTime(timezone=True)),
)

"""Of an account, or of a patient who came with a code."""

SIGN_IN_CODE = Table(
    "sign_in_code",
    METADATA,
    Column("holder", UUID(as_uuid=False), primary_key=True),
    Column("hash", Text, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("made_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
)
"""The one code of a patient; a holder who is no patient stands for a number that nobody has."""

SIGN_IN_TRY = Table(
    "sign_in_try",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

CLIENT = Table(
    "client",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("token_id", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)
