"""Mails: a template each, its first line the subject, sent as text and as HTML that says the same.

A template is text: paragraphs, and on lines of their own, indented, a code or a link. It is filled in once;
`layout.html` makes the HTML of it. An operator's folder (`mail_templates`) may hold any of these files, which then
take the place of ours, and a whole `NAME.html` for a mail that is to look another way.

Nothing that a stranger may choose goes into a mail, such as the name given at registration: else this server could
be made to send anybody's words to anybody.
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import Struct

from septet.core.mail import Message
from septet.core.runtime import Runtime
from septet.identity.settings import IdentitySettings
from septet.identity.translations import best_language, words
from septet.settings import WrongSettingError

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates" / "mail"
_SUBJECT = "Subject: "
_COLUMNS = 76
_INDENT = "    "
_SAMPLE = {"at": "", "code": "", "link_token": "", "minutes": 0, "device": ""}


class Block(Struct, frozen=True):
    """A part of a mail: a `paragraph`, a `code` or a `link`."""

    kind: str
    text: str


def render(runtime: Runtime, template: str, to: str, locale: str, values: Mapping[str, Any]) -> Message:
    """The mail `template`, filled in, in the language of `locale` or else in English."""
    from jinja2 import TemplateNotFound

    environment = _environment(runtime.settings_of(IdentitySettings).mail_templates)
    site = runtime.floor.base_url
    filling = {"site": site, "place": urlsplit(site).netloc, **words(best_language([locale]), "mails"), **values}
    subject, _, body = environment.get_template(f"{template}.txt").render(filling).partition("\n")
    subject = subject.removeprefix(_SUBJECT).strip()
    blocks = list(_blocks(body))
    filling |= {"subject": subject, "blocks": blocks}
    try:
        html = environment.get_template(f"{template}.html").render(filling)
    except TemplateNotFound:
        html = environment.get_template("layout.html").render(filling)
    return Message(to=to, subject=subject, text="\n\n".join(_as_text(block) for block in blocks) + "\n", html=html)


def check_templates(runtime: Runtime) -> None:
    """Raise WrongSettingError if a template of the operator's has no mail to be, or cannot be filled in."""
    from jinja2 import TemplateError

    folder = runtime.settings_of(IdentitySettings).mail_templates
    if not folder:
        return
    where = "SEPTET_IDENTITY_MAIL_TEMPLATES"
    if not Path(folder).is_dir():
        raise WrongSettingError(f"{where}: there is no folder {folder}")
    known = {path.stem for path in TEMPLATES.iterdir()}
    for path in sorted(Path(folder).glob("*.*")):
        if path.stem not in known:
            raise WrongSettingError(f"{where}: no mail is called {path.name}; see {', '.join(sorted(known))}")
    for name in sorted(known - {"layout"}):
        try:
            render(runtime, name, "", "en", _SAMPLE)
        except TemplateError as error:
            raise WrongSettingError(f"{where}: {name}: {error.message}") from error


def _blocks(body: str) -> Iterator[Block]:
    for part in body.strip("\n").split("\n\n"):
        text = " ".join(part.split())
        if text:
            kind = "paragraph" if not part.startswith(_INDENT) else "link" if "://" in text else "code"
            yield Block(kind, text)


def _as_text(block: Block) -> str:
    if block.kind != "paragraph":
        return _INDENT + block.text
    return textwrap.fill(block.text, _COLUMNS, break_long_words=False, break_on_hyphens=False)


@functools.cache
def _environment(folder: str) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader([*([folder] if folder else []), TEMPLATES]),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"]),
        extensions=["jinja2.ext.i18n"],
    )
