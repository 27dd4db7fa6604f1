"""Mail by SMTP, against a real server in this process."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from septet.core.errors import Invalid, Unavailable
from septet.core.mail import Message
from septet.engines.mail.letter import compose, sender_of
from septet.engines.mail.smtp import SmtpMail
from septet.settings import WrongSettingError

SENDER = "Septet <septet@example.org>"
HELLO = Message("ana@example.org", "Grüße — 漢字", "Your code is 12345678.\n", "<p>Your code is <b>12345678</b>.</p>")


class Sink:
    """Keeps what it is sent; refuses recipients at refused.example."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.endswith("@refused.example"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 OK"

    @property
    def letters(self) -> list[EmailMessage]:
        found = []
        for envelope in self.envelopes:
            assert isinstance(envelope.content, bytes)
            letter = message_from_bytes(envelope.content, policy=POLICY)
            assert isinstance(letter, EmailMessage)
            found.append(letter)
        return found


@contextlib.asynccontextmanager
async def smtp_server(sink: Sink, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    """A server on a free port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(sink, loop=loop, **options), "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_message_arrives_as_it_was_written() -> None:
    sink = Sink()
    async with smtp_server(sink) as port:
        await SmtpMail(f"smtp://127.0.0.1:{port}", SENDER).send(HELLO)
    letter = sink.letters[0]
    assert sink.envelopes[0].mail_from == "septet@example.org"
    assert sink.envelopes[0].rcpt_tos == ["ana@example.org"]
    assert letter["From"] == SENDER
    assert letter["To"] == "ana@example.org"
    assert letter["Subject"] == HELLO.subject
    assert letter["Message-ID"].endswith("@example.org>")
    assert letter["Date"].datetime.tzinfo is not None
    plain, html = (letter.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == HELLO.text
    assert html.get_content().strip() == HELLO.html


async def test_a_password_is_percent_decoded() -> None:
    seen: list[bytes] = []

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        seen.append(data.password)
        return AuthResult(success=data.password == b"p@ss/word", handled=False)

    sink = Sink()
    async with smtp_server(sink, authenticator=authenticate, auth_require_tls=False) as port:
        await SmtpMail(f"smtp://me%40example.org:p%40ss%2Fword@127.0.0.1:{port}", SENDER).check()
        with pytest.raises(Unavailable) as refused:
            await SmtpMail(f"smtp://me:hunter22@127.0.0.1:{port}", SENDER).send(HELLO)
    assert seen[0] == b"p@ss/word"
    assert "hunter22" not in refused.value.detail
    assert sink.envelopes == []


async def test_beyond_this_machine_nothing_is_said_unencrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Sink()
    async with smtp_server(sink) as port:
        monkeypatch.setattr("septet.engines.mail.smtp._is_this_machine", lambda host: False)
        with pytest.raises(Unavailable, match="STARTTLS"):
            await SmtpMail(f"smtp://127.0.0.1:{port}", SENDER).send(HELLO)
    assert sink.envelopes == []


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    sink = Sink()
    async with smtp_server(sink, tls=_self_signed(tmp_path)) as port:
        with pytest.raises(Unavailable, match=r"(?i)certificate"):
            await SmtpMail(f"smtps://127.0.0.1:{port}", SENDER).send(HELLO)
    assert sink.envelopes == []


async def test_refusals_and_absence_are_unavailable() -> None:
    async with smtp_server(Sink()) as port:
        mail = SmtpMail(f"smtp://127.0.0.1:{port}", SENDER)
        with pytest.raises(Unavailable, match="550"):
            await mail.send(Message("bo@refused.example", "Hi", "Hi"))
    with pytest.raises(Unavailable):  # nobody listens there any more
        await mail.send(HELLO)
    with pytest.raises(Unavailable):
        await mail.check()


async def test_a_server_that_hangs_is_given_up() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable, match="Timeout"):
            await SmtpMail(f"smtp://127.0.0.1:{port}", SENDER, step_timeout=0.1).send(HELLO)


@pytest.mark.parametrize(
    ("to", "subject"),
    [
        ("a@example.org\r\nBcc: all@example.org", "Hi"),
        ("a@example.org, b@example.org", "Hi"),
        ("a@example.org\n", "Hi"),
        ("not an address", "Hi"),
        ("", "Hi"),
        ("a@example.org", "Hi\r\nBcc: all@example.org"),
        ("a@example.org", "Hi\nX-Evil: 1"),
    ],
)
def test_headers_cannot_be_smuggled_in(to: str, subject: str) -> None:
    with pytest.raises(Invalid):
        compose(Message(to, subject, "text"), Address("", "septet", "example.org"))


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.example.org",
        "smtp://",
        "smtp://user:s3cr3t/x@mail.example.org",
        "smtp://user@mail.example.org",
        "smtp://mail.example.org:99999",
        "smtp://user:s3cr3t@mail.example.org?x=1",
    ],
)
def test_an_address_that_cannot_be_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(WrongSettingError, match="SEPTET_MAIL_URL") as refused:
        SmtpMail(url, SENDER)
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "nobody", "a@", "@b", "A <a@b\r\nBcc: c@d>"])
def test_a_sender_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(WrongSettingError, match="SEPTET_MAIL_FROM"):
        sender_of(text)


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, today - day, today + day)
    signed = builder.sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem")
    return context
