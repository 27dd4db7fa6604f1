"""From a message to a letter as RFC 5322 writes it. Whatever could end a header early is refused."""

from __future__ import annotations

from datetime import datetime, timezone
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid, parseaddr

from septet.core.errors import Invalid
from septet.core.mail import Message
from septet.settings import WrongSettingError


def sender_of(text: str) -> Address:
    """The address in SEPTET_MAIL_FROM: `Name <someone@example.org>`, or without a name. Raises WrongSettingError."""
    name, address = parseaddr(text)
    try:
        sender = Address(display_name=name, addr_spec=address)
    except (HeaderParseError, IndexError, ValueError):
        sender = Address()
    if not sender.username or not sender.domain or not text.isprintable():
        raise WrongSettingError("SEPTET_MAIL_FROM: write an address, as in Septet <septet@example.org>")
    return sender


def compose(message: Message, sender: Address) -> EmailMessage:
    """The letter. Raises Invalid for a recipient that is not exactly one address, or a header with a line break."""
    letter = EmailMessage(policy=SMTP)
    try:
        letter["From"] = sender
        letter["To"] = Address(addr_spec=message.to)
        letter["Subject"] = message.subject
    except (HeaderParseError, IndexError, ValueError):
        raise Invalid("This mail cannot be addressed: its recipient or subject is malformed.") from None
    letter["Date"] = datetime.now(timezone.utc)
    letter["Message-ID"] = make_msgid(domain=sender.domain)
    letter["Auto-Submitted"] = "auto-generated"  # so that nobody's absence note answers it (RFC 3834)
    letter.set_content(message.text)
    if message.html is not None:
        letter.add_alternative(message.html, subtype="html")
    return letter


def text_of(letter: EmailMessage) -> str:
    """What a person reads in it."""
    body = letter.get_body(("plain", "html"))
    if body is None:
        return ""
    try:
        text = body.get_content()
    except LookupError:  # of an encoding that there is not
        text = bytes(body.get_payload(decode=True)).decode(errors="replace")
    return str(text).replace("\r\n", "\n")
