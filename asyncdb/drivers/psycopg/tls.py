"""The `tls` options in libpq's words."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

from asyncdb.options import ServerOptions

# A file that is not there: otherwise libpq looks for one at the user's home, which
# would make "require" verify, and show a certificate that nobody has named.
_NOWHERE = f"{os.devnull}/nowhere"
# Where systems keep the authorities that they trust, in one file.
_SYSTEMS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def tls_parameters(options: ServerOptions, mode: str) -> dict[str, Any]:
    """Return libpq's parameters for a mode that wants TLS.

    Args:
        options: the connection's options.
        mode: the mode in force.

    Returns:
        With `"prefer"`, those of a connection by TLS: the one without is tried after.
    """
    verifies = mode in ("verify-ca", "verify-full")
    authorities = (options.tls_ca or _system()) if verifies else _NOWHERE
    return {
        "sslmode": mode if verifies else "require",
        "sslrootcert": authorities,
        "sslcert": options.tls_cert or _NOWHERE,
        "sslkey": options.tls_key or options.tls_cert or _NOWHERE,
    }


def _system() -> str:
    """Return the file of the authorities that this machine trusts.

    libpq's own `system` is a path that its OpenSSL was built with, which in a wheel is
    that of another machine.
    """
    paths = ssl.get_default_verify_paths()
    files = (paths.cafile, paths.openssl_cafile, *_SYSTEMS)
    return next((file for file in files if file and Path(file).is_file()), "system")
