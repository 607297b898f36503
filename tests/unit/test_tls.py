"""What a context verifies in each mode of the option `tls`."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from asyncdb.driver.tls import tls_context, tls_mode
from asyncdb.options import ServerOptions
from tests.plugins.certificates import Certificates

FROM_A_URL = b"disable".decode()  # equal to our text, and not the same object


@pytest.mark.parametrize(
    ("mode", "verifies", "names"),
    [
        ("prefer", ssl.CERT_NONE, False),
        ("require", ssl.CERT_NONE, False),
        ("verify-ca", ssl.CERT_REQUIRED, False),
        ("verify-full", ssl.CERT_REQUIRED, True),
        (None, ssl.CERT_REQUIRED, True),
    ],
)
def test_what_a_mode_verifies(
    mode: Any, verifies: ssl.VerifyMode, names: bool, certificates: Certificates
) -> None:
    """Each mode verifies what it promises, the authority's signature or the name."""
    options = ServerOptions(tls=mode, tls_ca=certificates.ca)
    context = tls_context(options, "db.example")

    assert context is not None
    assert (verifies, names) == (context.verify_mode, context.check_hostname)
    assert 1 == len(context.get_ca_certs())


@pytest.mark.parametrize(
    ("mode", "host"),
    [
        (FROM_A_URL, "db.example"),
        (None, "localhost"),
        (None, None),
    ],
)
def test_no_context_without_tls(mode: Any, host: str | None) -> None:
    """Where TLS is not wanted there is no context, whatever the host."""
    assert tls_context(ServerOptions(tls=mode), host) is None


@pytest.mark.parametrize("host", [None, "localhost", "/run/postgresql", "db.example"])
def test_the_option_decides_for_every_host(host: str | None) -> None:
    """A mode that was asked for holds for this machine as for any other."""
    assert "require" == tls_mode(ServerOptions(tls="require"), host)


def test_a_client_shows_its_own_certificate(certificates: Certificates) -> None:
    """A client's certificate and key are read, and one that is not there is said."""
    certificate, key = certificates.client
    options = ServerOptions(tls="require", tls_cert=certificate, tls_key=key)
    assert tls_context(options, "db.example") is not None

    with pytest.raises(OSError, match=r".+"):
        tls_context(ServerOptions(tls="require", tls_cert="/no/such/file"), "h")
    with pytest.raises(OSError, match=r".+"):
        tls_context(ServerOptions(tls="require", tls_ca="/no/such/file"), "h")
    with pytest.raises(ssl.SSLError):  # a certificate that has not this key
        tls_context(ServerOptions(tls="require", tls_cert=certificates.ca), "h")
