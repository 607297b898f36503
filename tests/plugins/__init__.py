"""What the tests share: pytest plug-ins, named in tests/conftest.py."""
