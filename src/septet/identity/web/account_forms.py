"""The forms of one's own account: which operation each is, and how its fields are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from msgspec import Struct

from septet.core.errors import NotFound
from septet.identity.api_keys.types import NewApiKey
from septet.identity.factors.passkey_types import NewPasskey
from septet.identity.factors.types import TotpProof
from septet.identity.types import EmailChange, EmailChangeProof, MeChanges, PasswordChange
from septet.identity.web.forms import read_form, read_json
from septet.identity.web.verification_ids import read_verification_id

Fields = Mapping[str, str]


class Form(Struct, frozen=True):
    """One button's work. Afterwards the account is shown again, unless something else `shows` what was given.

    retry: the page on which to try again. leaves: nobody is signed in afterwards.
    """

    operation: str
    read: Callable[[Fields], dict[str, Any]]
    shows: str | None = None
    retry: str | None = None
    leaves: bool = False


def _nothing(form: Fields) -> dict[str, Any]:
    return {}


def _id(form: Fields) -> dict[str, Any]:
    return {"id": _read_id(form)}


def _client_id(form: Fields) -> dict[str, Any]:
    return {"client_id": _read_id(form)}


def _membership(form: Fields) -> dict[str, Any]:
    return {"id": _read_id(form), "account_id": _read_id(form, "account")}


def _read_id(form: Fields, name: str = "id") -> UUID:
    try:
        return UUID(form.get(name, ""))
    except ValueError:
        raise NotFound("This is not there any more.") from None


def _session(form: Fields) -> dict[str, Any]:
    return {"id": str(_read_id(form))}


def _others(form: Fields) -> dict[str, Any]:
    return {"others": True}


def _profile(form: Fields) -> dict[str, Any]:
    changed = read_form(form, MeChanges, "name", "locale")
    return {"body": changed if form.get("name") else MeChanges(name=None, locale=changed.locale)}


def _password(form: Fields) -> dict[str, Any]:
    return {"body": read_form(form, PasswordChange, "current_password", "new_password")}


def _email(form: Fields) -> dict[str, Any]:
    return {"body": read_form(form, EmailChange, "email", "current_password")}


def _email_code(form: Fields) -> dict[str, Any]:
    return {"id": read_verification_id(form.get("id")), "body": read_form(form, EmailChangeProof, "code")}


def _totp_code(form: Fields) -> dict[str, Any]:
    return {"body": read_form(form, TotpProof, "code")}


def _passkey(form: Fields) -> dict[str, Any]:
    named = {"name": form["name"]} if form.get("name") else {}
    credential = read_json(form.get("credential", ""))
    return {"body": NewPasskey(challenge=form.get("challenge", ""), credential=credential, **named)}


def _api_key(form: Fields) -> dict[str, Any]:
    return {"body": read_form(form, NewApiKey, "name", "scope", "expires_in_days")}


FORMS: Mapping[str, Form] = {
    "profile": Form("change_me", _profile),
    "password": Form("change_password", _password),
    "email": Form("request_email_change", _email, shows="email-code"),
    "email-code": Form("change_email", _email_code, retry="email-code"),
    "end-session": Form("sign_out", _session),
    "end-others": Form("sign_out_everywhere", _others),
    "begin-totp": Form("begin_totp", _nothing, shows="totp"),
    "confirm-totp": Form("confirm_totp", _totp_code, shows="recovery-codes", retry="totp"),
    "remove-totp": Form("remove_totp", _nothing),
    "recovery-codes": Form("renew_recovery_codes", _nothing, shows="recovery-codes"),
    "add-passkey": Form("add_passkey", _passkey),
    "remove-passkey": Form("remove_passkey", _id),
    "add-key": Form("create_api_key", _api_key, shows="api-key"),
    "remove-key": Form("remove_api_key", _id),
    "take-consent-back": Form("take_consent_back", _client_id),
    "unlink": Form("unlink_provider_account", _id),
    "accept": Form("accept_invitation", _id),
    "decline": Form("decline_invitation", _id),
    "leave": Form("remove_member", _membership),
    "delete": Form("delete_me", _nothing, leaves=True),
}

TOLD: Mapping[str, str] = {
    "profile": "Your account was changed.",
    "password": "Your password was changed, and every other session ended.",
    "email-code": "Your e-mail address was changed.",
    "end-session": "The session has ended.",
    "end-others": "Every other session has ended.",
    "remove-totp": "The authenticator app was removed.",
    "add-passkey": "The passkey was added.",
    "remove-passkey": "The passkey was removed.",
    "remove-key": "The API key was removed.",
    "take-consent-back": "The application may act for you no more.",
    "unlink": "The account elsewhere signs you in no more.",
    "accept": "You are a member now.",
    "decline": "You declined the invitation.",
    "leave": "You left the organisation.",
    "delete": "Your account is deleted, and all that was held about you.",
}
