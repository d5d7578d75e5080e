"""A mail server that answers each step of a conversation as it is told, stalls, or hangs up; with TLS where asked."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

STALL, DROP = "stall", "drop"
FINE = {
    "greeting": "220 mail.example",
    "EHLO": "250-mail.example\r\n250 STARTTLS",
    "STARTTLS": "220 go on",
    "MAIL": "250 2.1.0 fine",
    "RCPT": "250 2.1.5 fine",
    "DATA": "354 go on",
    "message": "250 2.0.0 taken",
    "QUIT": "221 2.0.0 bye",
}


class _Over(Exception):
    """The conversation is over."""


@contextmanager
def scripted(script: Mapping[str, str], security: str = "none", certificate: Path | None = None) -> Iterator[int]:
    """Serve on a free port of 127.0.0.1, which the context gives; what `script` does not say is answered fine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate:
        context.load_cert_chain(certificate)
    over = threading.Event()

    def converse(connection: socket.socket) -> None:
        if security == "tls":
            connection = context.wrap_socket(connection, server_side=True)
        answer(connection, "greeting")
        file = connection.makefile("rb")
        while line := file.readline():
            step = line.split()[0].decode("ascii", "replace").upper()
            answer(connection, step)
            if step == "DATA":
                while file.readline() not in (b".\r\n", b""):
                    pass
                answer(connection, "message")
            if step == "STARTTLS":
                connection = context.wrap_socket(connection, server_side=True)
                file = connection.makefile("rb")

    def answer(connection: socket.socket, step: str) -> None:
        what = script.get(step, FINE.get(step, "500 what"))
        if what == STALL:
            over.wait(20)
        if what in (STALL, DROP):
            raise _Over
        connection.sendall(f"{what}\r\n".encode())

    def serve(connection: socket.socket) -> None:
        with connection, suppress(_Over, OSError):
            converse(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        over.set()
        listener.shutdown(socket.SHUT_RDWR)


def certificate(path: Path, name: str = "127.0.0.1", *, days: int = 1) -> Path:
    """Write a key and a certificate that it signed itself, for a name or address; expired if `days` is negative."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    with suppress(ValueError):
        stands_for: x509.GeneralName = x509.DNSName(name)
        stands_for = x509.IPAddress(ipaddress.ip_address(name))
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=10))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([stands_for]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return path
