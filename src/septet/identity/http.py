"""What identity answers besides its operations: OAuth's endpoints, and the pages a person sees."""

from __future__ import annotations

from collections.abc import Sequence

from septet.core.doorway import Doorway
from septet.core.message import Route
from septet.identity.oauth import http as oauth
from septet.identity.providers.pages import ProviderPages
from septet.identity.web.account import AccountPages
from septet.identity.web.first_administrator import FirstAdministratorPage
from septet.identity.web.proof import ProofPages
from septet.identity.web.registering import RegisteringPages
from septet.identity.web.resetting import ResettingPages
from septet.identity.web.sign_in import SignInPages


def routes(doorway: Doorway) -> Sequence[Route]:
    pages = (
        SignInPages(doorway),
        ProviderPages(doorway),
        RegisteringPages(doorway),
        ResettingPages(doorway),
        FirstAdministratorPage(doorway),
        ProofPages(doorway),
        AccountPages(doorway),
    )
    return (*oauth.routes(doorway), *(route for page in pages for route in page.routes()))
