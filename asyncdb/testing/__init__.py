"""For tests: a fake driver that can be ordered to fail, and the conformance kit."""

from asyncdb.testing.fake import Faults, faults

__all__ = ["Faults", "faults"]
