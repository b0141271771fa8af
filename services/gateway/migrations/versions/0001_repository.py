"""The repository, the answers already given, accounts, sign-ins, tries and clients."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, UUID

revision = "gateway_0001"
down_revision = None
branch_labels = ("gateway",)
depends_on = None


def _texts(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=nullable) for name in names]


def _instant(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(
        name, sa.DateTime(timezone=True), nullable=nullable, server_default=None if nullable else sa.text("now()")
    )


def _repository() -> None:
    op.create_table(
        "resource",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        *_texts("type"),
        sa.Column("version", sa.Integer, nullable=False),
        _instant("last_updated"),
        *_texts("origin"),
        _instant("said_at", nullable=True),
        sa.Column("patient", UUID(as_uuid=False)),
        *_texts("status", nullable=True),
        _instant("starts", nullable=True),
        _instant("ends", nullable=True),
        sa.Column("preliminary", sa.Boolean, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("resource_recent", "resource", ["type", sa.text("last_updated DESC"), "id"])
    op.create_index(
        "resource_patient", "resource", ["patient", "type"], postgresql_where=sa.text("patient IS NOT NULL")
    )
    op.create_index("resource_time", "resource", ["type", "starts"], postgresql_where=sa.text("starts IS NOT NULL"))
    op.create_table(
        "resource_version",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        *_texts("type"),
        sa.Column("last_updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "identifier",
        sa.Column("id", UUID(as_uuid=False), primary_key=True),
        sa.Column("system", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, primary_key=True),
        *_texts("type"),
        sa.Column("is_key", sa.Boolean, nullable=False),
    )
    op.create_index(
        "identifier_key", "identifier", ["type", "system", "value"], unique=True, postgresql_where=sa.text("is_key")
    )
    op.create_index("identifier_value", "identifier", ["value", "system"])


def upgrade() -> None:
    """Expand."""
    _repository()
    op.create_table(
        "answer",
        sa.Column("client", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("location", sa.Text),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.Integer),
        _instant("modified", nullable=True),
        _instant("given_at"),
    )
    op.create_table(
        "account",
        sa.Column("name", sa.Text, primary_key=True),
        *_texts("display_name", "role", "password_hash"),
        *_texts("fhir_user", nullable=True),
        sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
        _instant("created_at"),
    )
    op.create_table(
        "sign_in",
        sa.Column("sid", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, sa.ForeignKey("account.name"), nullable=False),
        _instant("started_at"),
        _instant("ended_at", nullable=True),
    )
    op.create_table(
        "sign_in_try",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("tries", sa.Integer, nullable=False),
        _instant("since"),
    )
    op.create_table(
        "client",
        sa.Column("id", sa.Text, primary_key=True),
        *_texts("name"),
        sa.Column("scopes", ARRAY(sa.Text), nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.true()),
        *_texts("token_id"),
        _instant("created_at"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
