"""Mails as text: a template each, its first line the subject.

Nothing that a stranger may choose goes into a mail, such as the name given at registration: else this server could
be made to send anybody's words to anybody.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from septet.core.mail import Message
from septet.core.runtime import Runtime

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates" / "mail"
_SUBJECT = "Subject: "


def render(runtime: Runtime, template: str, to: str, values: Mapping[str, Any]) -> Message:
    """The mail `template`, filled in."""
    site = runtime.floor.base_url
    place = urlsplit(site).netloc
    text = _environment().get_template(f"{template}.txt").render(site=site, place=place, **values)
    subject, _, body = text.partition("\n")
    return Message(to=to, subject=subject.removeprefix(_SUBJECT).strip(), text=body.strip() + "\n")


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(TEMPLATES)
    return Environment(loader=loader, undefined=StrictUndefined, autoescape=False)  # noqa: S701 - text, not HTML
