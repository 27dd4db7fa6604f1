"""Every word of the pages and the mails is there in every language."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from septet.identity import web
from septet.identity.oauth.scopes import OPENID_SCOPES
from septet.identity.system import IDENTITY
from septet.identity.translations import HERE, LANGUAGES

TEMPLATES = Path(web.__file__).parents[1] / "templates"
OTHERS = [language for language in LANGUAGES if language != "en"]
SCOPES = {scope.description for scope in IDENTITY.scopes.values()} | set(OPENID_SCOPES.values())


def test_there_is_another_language() -> None:
    assert "de" in OTHERS


def _said(folder: str) -> set[str]:
    found = extract_from_dir(
        TEMPLATES / folder,
        method_map=[("**.html", "jinja2"), ("**.txt", "jinja2")],
        options_map={"**.*": {"extensions": "jinja2.ext.i18n"}},
    )
    return {message[2] if isinstance(message[2], str) else message[2][0] for message in found}


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize(("folder", "file", "more"), [("web", "pages.po", SCOPES), ("mail", "mails.po", set())])
def test_nothing_is_left_in_english_and_nothing_is_left_over(
    language: str, folder: str, file: str, more: set[str]
) -> None:
    said = _said(folder) | more
    assert len(said) > 20
    with (HERE / language / file).open("rb") as opened:
        catalog = read_po(opened, locale=language)
    assert {text for text in said if not (catalog.get(text) and catalog.get(text).string)} == set()
    for message in catalog:
        assert not list(message.check(catalog)), message.id
    if folder == "mail":
        assert {message.id for message in catalog if message.id} == said
