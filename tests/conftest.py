"""Only lists the plug-ins: what they give stands in tests/README.md."""

import pytest

pytest.register_assert_rewrite("asyncdb.testing.conformance")

pytest_plugins = [
    "pytester",
    "tests.plugins.certificates",
    "tests.plugins.clusters",
    "tests.plugins.databases",
    "tests.plugins.copies",
    "tests.plugins.pgbouncers",
    "tests.plugins.pairs",
    "tests.plugins.proxy",
    "tests.plugins.scale",
]
