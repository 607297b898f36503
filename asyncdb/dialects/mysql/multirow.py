"""Many rows in one INSERT, below the size that the server takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asyncdb.sql.inserts import Insert

# Enough to make the round trip small beside the work, little enough for every server.
_PIECE = 256 * 1024


def multi_row(
    parts: Insert, rows: Sequence[Sequence[str]], max_packet: int
) -> Iterator[str]:
    """Give the statements that insert all rows.

    Args:
        parts: the INSERT of one row.
        rows: rendered literals.
        max_packet: the longest statement that the server takes.

    Returns:
        Statements below that and below a size of our own, but for single rows that
        are longer themselves.
    """
    form = "%s".join(piece.replace("%", "%%") for piece in parts.row)
    # In bytes; literals are ASCII, what is around them may not be.
    extra = 0 if form.isascii() else 3 * len(form)
    room = min(_PIECE, max_packet) - 4 * (len(parts.head) + len(parts.tail)) - 16
    texts: list[str] = []
    size = 0
    for row in rows:
        text = form % tuple(row)
        length = len(text) + extra + 1
        if size + length > room and texts:
            yield f"{parts.head} {','.join(texts)}{parts.tail}"
            texts, size = [], 0
        texts.append(text)
        size += length
    if texts:
        yield f"{parts.head} {','.join(texts)}{parts.tail}"
