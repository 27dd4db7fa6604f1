"""Mail: by SMTP, or kept in a local mailbox where no server for it is set."""

from __future__ import annotations

from septet.core.mail import Mail
from septet.settings import Settings

MAILBOX = "mailbox"  # the local one's folder, in the data folder


def open_mail(settings: Settings) -> Mail:
    """The engine that the settings choose; its module is loaded here. Raises WrongSettingError."""
    if settings.mail_url:
        from septet.engines.mail.smtp import SmtpMail

        return SmtpMail(settings.mail_url, settings.mail_from)

    from septet.engines.mail.mailbox import LocalMailbox

    return LocalMailbox(settings.data_dir / MAILBOX, settings.mail_from, announce=settings.for_people)
