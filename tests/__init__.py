"""The tests of asyncdb: see tests/README.md."""
