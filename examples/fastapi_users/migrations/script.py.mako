"""${message}."""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Do it."""
    ${upgrades or "op.execute()"}


def downgrade() -> None:
    """Undo it."""
    ${downgrades or "op.execute()"}
