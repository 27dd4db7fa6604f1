"""The pages in Chromium, with scripts, cookies, content security policy, and a virtual authenticator for passkeys."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest

from septet.identity.oauth.codes import challenge_of
from support.npm import copied_with_packages, run, skip_without_npm
from support.served import ADMINISTRATOR, PASSWORD, served, sign_in

HERE = Path(__file__).parent / "chromium_npm"


def test_the_pages_in_chromium(tmp_path: Path) -> None:
    skip_without_npm("THE PAGES WERE NOT TESTED IN CHROMIUM")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("CHROMIUM IS NOT INSTALLED: THE PAGES WERE NOT TESTED IN IT")
    program = tmp_path / "program"
    program.mkdir()
    copied_with_packages(HERE, program)
    with served(tmp_path) as address:
        server = address.replace("127.0.0.1", "localhost")  # passkeys are for names
        redirect = "https://app.example.org/callback"
        body = {"client_name": "Calendar", "scope": "openid email", "redirect_uris": [redirect]}
        headers = {"Authorization": f"Bearer {sign_in(address)}"}
        made = httpx.post(f"{address}/v1/identity/clients", json=body, headers=headers).raise_for_status().json()
        query = httpx.QueryParams(
            response_type="code",
            client_id=made["client"]["client_id"],
            redirect_uri=redirect,
            code_challenge=challenge_of("v" * 43),
            code_challenge_method="S256",
        )
        asked = f"{server}/oauth2/authorize?{query}"
        values = (chromium, tmp_path / "chromium", server, ADMINISTRATOR, PASSWORD, asked)
        assert run("node", "pages.js", *values, cwd=program) == "done\n"
