"""Certificates for throw-away servers, made once a session."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, in PEM.

    Args:
        certificate: the certificate's text.
        key: the private key's text.
    """

    certificate: str
    key: str


class Authority:
    """Signs certificates; its own is `certificate`."""

    def __init__(self, name: str) -> None:
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = _text(self._sign(self._name, self._key, None))

    def issue(self, common: str, *hosts: str) -> Certificate:
        """Make a certificate.

        Args:
            common: the holder's common name: a client's is its user.
            hosts: names and addresses that a server's is good for.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
        signed = self._sign(name, key, hosts)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return Certificate(_text(signed), private.decode())

    def _sign(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        hosts: tuple[str, ...] | None,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=2))
            .add_extension(
                x509.BasicConstraints(ca=hosts is None, path_length=None), True
            )
            # Python 3.13 and later verify strictly: each key names its issuer's.
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    self._key.public_key()
                ),
                False,
            )
            .add_extension(_usage(is_authority=hosts is None), critical=True)
        )
        if hosts:
            names = x509.SubjectAlternativeName([_host(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@dataclass(frozen=True)
class Certificates:
    """What the tests of TLS need.

    Args:
        folder: where the files for clients lie.
        good: a server's, for localhost and 127.0.0.1, by our authority.
        elsewhere: a server's for another host, by our authority.
        stranger: a server's for localhost, by nobody we know.
        authority: our authority's own certificate.
    """

    folder: Path
    good: Certificate
    elsewhere: Certificate
    stranger: Certificate
    authority: str

    @property
    def ca(self) -> str:
        """The file of our authority's certificate."""
        return str(self.folder / "ca.crt")

    @property
    def client(self) -> tuple[str, str]:
        """The files of a client's certificate and key."""
        return str(self.folder / "client.crt"), str(self.folder / "client.key")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The session's certificates."""
    folder = tmp_path_factory.mktemp("certificates")
    ours, theirs = Authority("ours"), Authority("theirs")
    client = ours.issue("asyncdb")
    (folder / "ca.crt").write_text(ours.certificate)
    (folder / "client.crt").write_text(client.certificate)
    (folder / "client.key").write_text(client.key)
    (folder / "client.key").chmod(0o600)
    return Certificates(
        folder=folder,
        good=ours.issue("localhost", "localhost", "127.0.0.1"),
        elsewhere=ours.issue("db.example", "db.example"),
        stranger=theirs.issue("localhost", "localhost", "127.0.0.1"),
        authority=ours.certificate,
    )
