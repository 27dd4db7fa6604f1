"""Every word of the pages is there in every language."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from septet.identity import web
from septet.identity.oauth.scopes import OPENID_SCOPES
from septet.identity.system import IDENTITY
from septet.identity.translations import HERE, LANGUAGES

TEMPLATES = Path(web.__file__).parents[1] / "templates" / "web"
OTHERS = [language for language in LANGUAGES if language != "en"]


def test_there_is_another_language() -> None:
    assert "de" in OTHERS


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_left_in_english(language: str) -> None:
    with (HERE / language / "pages.po").open("rb") as file:
        catalog = read_po(file, locale=language)
    said = {
        message[2] if isinstance(message[2], str) else message[2][0]
        for message in extract_from_dir(
            TEMPLATES, method_map=[("**.html", "jinja2")], options_map={"**.html": {"extensions": "jinja2.ext.i18n"}}
        )
    }
    assert len(said) > 20
    scopes = {scope.description for scope in IDENTITY.scopes.values()} | set(OPENID_SCOPES.values())
    missing = {text for text in said | scopes if not (catalog.get(text) and catalog.get(text).string)}
    assert missing == set()
    for message in catalog:
        assert not list(message.check(catalog)), message.id
