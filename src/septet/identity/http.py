"""What identity answers besides its operations: OAuth's endpoints, and the pages a person sees."""

from __future__ import annotations

from collections.abc import Sequence

from septet.core.doorway import Doorway
from septet.core.message import Route
from septet.identity.oauth import http as oauth
from septet.identity.providers.pages import ProviderPages
from septet.identity.web.sign_in import SignInPages


def routes(doorway: Doorway) -> Sequence[Route]:
    return (*oauth.routes(doorway), *SignInPages(doorway).routes(), *ProviderPages(doorway).routes())
