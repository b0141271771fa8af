"""Cases, patients, timeline, reviews, reports and audit; reports and audit refuse changes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "results_sharing_0001"
down_revision = None
branch_labels = ("results_sharing",)
depends_on = None

FIXED = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% keeps what was written', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$
"""


def _keep(table: str) -> str:
    return (
        f"CREATE TRIGGER {table}_is_fixed BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def _text(name: str, *, null: bool = False, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null, primary_key=key)


def _instant(name: str, *, null: bool = False, now: bool = False) -> sa.Column[object]:
    default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null, server_default=default)


def _case(*, key: bool = False, cascade: bool = False) -> sa.Column[str]:
    link = sa.ForeignKey("cases.id", ondelete="CASCADE" if cascade else None)
    return sa.Column("case_id", sa.Text, link, nullable=False, primary_key=key)


def upgrade() -> None:
    """Expand."""
    _cases()
    _reading()
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        *(_text(name) for name in ("event", "hash", "signature")),
        _instant("recorded_at", now=True),
    )
    op.execute(FIXED)
    op.execute(_keep("report"))
    op.execute(_keep("audit"))


def _cases() -> None:
    op.create_table("patient", _text("id", key=True), _instant("at"), sa.Column("facts", JSONB, nullable=False))
    op.create_table(
        "cases",
        _text("id", key=True),
        sa.Column("study_uid", sa.Text, unique=True),
        _text("patient_id", null=True),
        _text("state"),
        _instant("running_until", null=True),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("lane_rank", sa.SmallInteger, nullable=False),
        _instant("received_at"),
        _instant("signed_at", null=True),
        sa.Column("facts", JSONB, nullable=False),
    )
    op.create_index("cases_waiting", "cases", ["lane_rank", "received_at"], postgresql_where=sa.text("open"))
    op.create_index("cases_signed", "cases", ["signed_at"], postgresql_where=sa.text("signed_at IS NOT NULL"))
    op.create_table("case_key", _text("key", key=True), _case(key=True, cascade=True))
    op.create_table(
        "timeline",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        _text("message_id"),
        _text("case_id", null=True),
        _text("event"),
        _instant("at"),
        _text("lane"),
        _text("correlation"),
        sa.Column("change", sa.SmallInteger, nullable=False, server_default="0"),
        _instant("recorded_at", now=True),
        sa.UniqueConstraint("message_id", "case_id", name="timeline_once", postgresql_nulls_not_distinct=True),
    )
    op.create_index("timeline_case", "timeline", ["case_id", "at"])
    op.create_index("timeline_correlation", "timeline", ["correlation"])


def _reading() -> None:
    op.create_table(
        "review",
        _case(key=True),
        _text("reader", key=True),
        *(_text(name, null=True) for name in ("model", "model_version", "decision")),
        sa.Column("flagged", sa.Boolean),
        _instant("decided_at", null=True),
        sa.Column("facts", JSONB, nullable=False),
    )
    op.create_table(
        "report",
        _case(key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        *(_text(name) for name in ("status", "text", "account", "name", "practitioner", "canonical", "sha256")),
        _instant("signed_at"),
        _text("ai_report", null=True),
        sa.Column("provenance", JSONB, nullable=False),
        sa.Column("seconds_to_sign", sa.Float),
    )
