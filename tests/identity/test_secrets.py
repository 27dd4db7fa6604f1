"""Secrets leave no trace: neither in what is stored for retries, nor in logs."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest
import structlog

from septet.core.errors import Invalid
from septet.core.registry import Registry
from septet.identity.types import AddressOnly, PasswordChange, PasswordResetProof
from septet.systems import load_cards
from support.people import (
    ADA,
    OTHER_PASSWORD,
    PASSWORD,
    call,
    code_in,
    front_door,
    link_in,
    mails_to,
    refresh,
    register,
    sign_in,
)

SECRET_FIELDS = {"password", "current_password", "new_password", "token", "code", "refresh_token", "access_token"} | {
    "secret",
    "uri",
    "codes",
    "recovery_code",
    "email_code",
    "challenge",
    "client_secret",
    "api_key",
}


def test_no_operation_that_takes_or_gives_a_secret_is_stored_for_a_retry() -> None:
    """A fingerprint of a password would be a hash that is quick to guess at."""
    for operation in Registry(load_cards(("identity",))).operations.values():
        shapes = [operation.body.type] if operation.body else []
        shapes += [operation.returns] if isinstance(operation.returns, type) else []
        structs = [shape for shape in shapes if isinstance(shape, type) and issubclass(shape, msgspec.Struct)]
        fields = {field.name for shape in structs for field in msgspec.structs.fields(shape)}
        if fields & SECRET_FIELDS:
            assert not operation.takes_idempotency_key, operation.name


async def test_a_change_of_password_takes_no_key(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        ada = await register(septet, ADA)
        body = PasswordChange(current_password=PASSWORD, new_password=OTHER_PASSWORD)
        with pytest.raises(Invalid):
            await call(septet, "change_password", ada.access_token, key="k1", body=body)


async def test_nothing_secret_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with structlog.testing.capture_logs() as logged, caplog.at_level(logging.DEBUG):
        async with front_door("", tmp_path) as septet:
            ada = await register(septet, ADA)
            ada = await refresh(septet, ada.refresh_token)
            sent = await call(septet, "request_password_reset", body=AddressOnly(email=ADA))
            text = (await mails_to(septet, ADA))[-1]
            proof = PasswordResetProof(password=OTHER_PASSWORD, code=code_in(text))
            await call(septet, "reset_password", id=sent.id, body=proof)
            other = await sign_in(septet, ADA, OTHER_PASSWORD)
    everything = f"{logged} {caplog.text}"
    for secret in (PASSWORD, OTHER_PASSWORD, code_in(text), link_in(text), ada.access_token, other.refresh_token):
        assert secret not in everything
