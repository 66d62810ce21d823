"""`python -m edge_certificate AUTHORITY CERTIFICATE KEY NAME...`: a certificate for the names, by an authority of its own."""

import datetime
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFETIME = datetime.timedelta(days=30)


def certificate(subject, key, issuer, issuer_key, extension):
    """Of `key`, signed by `issuer_key`."""
    now = datetime.datetime.now(datetime.timezone.utc)

    def named(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = x509.CertificateBuilder(
        issuer_name=named(issuer), subject_name=named(subject), public_key=key.public_key(),
        serial_number=x509.random_serial_number(), not_valid_before=now - datetime.timedelta(hours=1),
        not_valid_after=now + LIFETIME)
    return builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints)).sign(issuer_key, hashes.SHA256())


def main(authority_file, certificate_file, key_file, *names):
    authority, name = ec.generate_private_key(ec.SECP256R1()), "bbws local cloud"
    root = certificate(name, authority, name, authority, x509.BasicConstraints(ca=True, path_length=0))
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = certificate(names[0], key, name, authority, x509.SubjectAlternativeName([x509.DNSName(n) for n in names]))
    for file, made in ((authority_file, root), (certificate_file, leaf)):
        with open(file, "wb") as out:
            out.write(made.public_bytes(serialization.Encoding.PEM))
    with open(key_file, "wb") as out:
        out.write(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


main(*sys.argv[1:])
