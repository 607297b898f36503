"""Typed rows: values and rows as an annotation asks for them, `into=`.

Theory of operation: `decoders` turns an annotation into a `Decoder` for one value;
`targets` finds out how an object of a class is made and from which names; `shaping`
puts both together into a function for rows of one shape, which `Decoding` keeps.
Everything happens after the driver has finished reading: a value that does not fit
leaves connection and transaction as they are.
"""

from __future__ import annotations

from asyncdb.values.decoding import Decoding

__all__ = ["Decoding"]
