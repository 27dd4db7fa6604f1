"""Pages in the language of their reader, and what went wrong on them."""

from __future__ import annotations

from typing import Any

from septet.core.doorway import Doorway
from septet.core.errors import Problem
from septet.core.message import Reply, Request
from septet.identity.settings import IdentitySettings
from septet.identity.translations import words
from septet.identity.web.language import language_of


def page(
    doorway: Doorway,
    request: Request,
    template: str,
    problem: Problem | None = None,
    *,
    locale: str | None = None,
    **values: Any,
) -> Reply:
    """A page; with what went wrong, under the status and headers that every door gives it.

    locale: the reader's own, as their account says; else it is as their browser asks.
    """
    reply = _filled(doorway, request, template, locale, problem=problem, **values)
    if problem is not None:
        shaped = doorway.refusal(request, problem)
        reply.status = shaped.status
        reply.headers += [header for header in shaped.headers if header[0] != b"www-authenticate"]
    return reply


def fault(doorway: Doorway, request: Request, problem: Problem) -> Reply:
    """What an application got wrong, told to the person and sent nowhere: where to answer is not certain."""
    shaped = doorway.refusal(request, problem)
    reply = _filled(doorway, request, "fault", None, problem=problem)
    reply.status = 400 if shaped.status == 422 else shaped.status
    reply.headers += shaped.headers
    return reply


def _filled(doorway: Doorway, request: Request, template: str, locale: str | None, **values: Any) -> Reply:
    least = doorway.runtime.settings_of(IdentitySettings).password_min
    return doorway.page(request, template, password_min=least, **words(language_of(request, locale)), **values)
