"""Passwords: what makes one good enough, and changing one's own."""

from __future__ import annotations

import re
import unicodedata

from septet.core.context import Context
from septet.core.limits import per_minute
from septet.core.operation import operation
from septet.core.types import AccountId
from septet.identity import queries, tasks
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.common_passwords import is_common
from septet.identity.factors import queries as factor_queries
from septet.identity.hashing import hashing
from septet.identity.problems import ShortPassword, WeakPassword, WrongPassword
from septet.identity.revocations import revoke
from septet.identity.rows import Holder
from septet.identity.settings import IdentitySettings
from septet.identity.tasks import Notice, NoticeMail
from septet.identity.types import PasswordChange

_FEWEST_DIFFERENT = 5
_FEWEST_OF_ITS_OWN = 8  # characters that are left once what anybody would guess is taken out
_SHORTEST_CLUE = 3
_COMMON_WORDS = ("septet", "password", "passwort", "letmein", "welcome", "administrator", "qwerty")
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop")
_RUN = 4  # so many neighbours of a row, or of the alphabet, are one guess


def why_not_password(password: str, least: int, *clues: str | None) -> str | None:
    """The reason against a new password, or None. `clues` are what is known of its owner: address, name.

    Length is what counts (NIST SP 800-63B), so nothing is demanded of its characters. What is refused is what a
    guesser tries first at this length: repetition, rows of the keyboard, the owner's and the product's names, and what
    is known from leaks.
    """
    text = unicodedata.normalize("NFC", password)
    if len(text) < least:
        return f"A password needs at least {least} characters."
    folded = text.casefold()
    if len(set(folded)) < _FEWEST_DIFFERENT or folded in (folded + folded)[1:-1]:
        return "This password repeats itself."
    if is_common(text):
        return "This password is among those that are guessed first."
    left = folded
    for clue in (*_clues(clues), *_COMMON_WORDS):
        left = left.replace(clue, "")
    left = _without_rows(left)
    if len(left) < _FEWEST_OF_ITS_OWN:
        return "This password is easily guessed from your name, your address or the keyboard."
    return None


async def refuse_weak(
    ctx: Context, password: str, *clues: str | None, pointer: str = "/password", second_factor: bool = False
) -> None:
    """Raise WeakPassword unless it is good enough for a new one; beside a second factor, fewer characters are."""
    settings = ctx.settings(IdentitySettings)
    least = min(settings.password_min, settings.password_min_second_factor) if second_factor else settings.password_min
    reason = why_not_password(password, least, *clues)
    if reason is not None:
        raise WeakPassword(reason, pointer=pointer)


def is_short(ctx: Context, password: str) -> bool:
    """Whether it is long enough only beside a second factor."""
    return len(unicodedata.normalize("NFC", password)) < ctx.settings(IdentitySettings).password_min


async def refuse_short_alone(ctx: Context, account: AccountId) -> None:
    """Raise ShortPassword if the account's password would be left without the factor that it is too short for."""
    if await ctx.tx.maybe(queries.password_is_short, id=account) is None:
        return
    factors = await ctx.tx.one(factor_queries.factors_of, account_id=account)
    if not (factors.totp or factors.passkey):
        raise ShortPassword("Your password is too short to stand alone. Choose a longer one first.")


@operation.put(
    "/v1/identity/me/password",
    scope="identity:write",
    steps=True,
    secret=True,
    limit=per_minute(10),
    raises=(WeakPassword, ShortPassword, WrongPassword),
)
async def change_password(ctx: Context, body: PasswordChange) -> None:
    """Change your password. Every other session of yours ends, and you get a mail.

    Raises WrongPassword if the current one is another, WeakPassword if the new one is not good enough.
    """
    holder = await own_holder(ctx, body.current_password)
    clues = (holder.email, holder.name)
    await refuse_weak(ctx, body.new_password, *clues, pointer="/new_password", second_factor=holder.second_factor)
    new_hash = await hashing(ctx.runtime).hash(body.new_password)
    if not await ctx.write(_change, holder, new_hash, is_short(ctx, body.new_password)):
        raise WrongPassword("The current password is another one.", pointer="/current_password")


async def own_holder(ctx: Context, current_password: str, *, pointer: str = "/current_password") -> Holder:
    """The caller's account, once the password that came along is theirs. Raises WrongPassword."""
    holder = await ctx.read(_find_holder)
    stored = holder.password_hash if holder else None
    if not await hashing(ctx.runtime).matches(stored, current_password) or holder is None:
        raise WrongPassword("The current password is another one.", pointer=pointer)
    return holder


async def _find_holder(ctx: Context) -> Holder | None:
    return await ctx.tx.maybe(queries.find_holder, id=ctx.actor.id)


async def _change(ctx: Context, holder: Holder, new_hash: str, short: bool) -> bool:
    """Put the new hash in place of the one that was checked; False if another change came between."""
    values = {"account_id": holder.id, "old_hash": holder.password_hash, "new_hash": new_hash, "short": short}
    if not await ctx.tx.run(queries.replace_password, **values):
        return False
    await refuse_short_alone(ctx, holder.id)  # the second factor may have gone meanwhile
    await ctx.tx.run(factor_queries.end_challenges_of_account, account_id=holder.id)
    await revoke(ctx, await ctx.tx.all(queries.end_other_sessions, account_id=holder.id, kept=ctx.actor.session))
    await audit_log.record(ctx, Action.PASSWORD_CHANGE, about=holder.id)
    ctx.enqueue(tasks.send_notice, NoticeMail(holder.id, Notice.PASSWORD_CHANGED, ctx.now))
    return True


def _clues(known: tuple[str | None, ...]) -> list[str]:
    """The words of what is known of the owner, longest first, so that a part does not spoil the whole."""
    words = {word for text in known if text for word in re.split(r"[\W_]+", text.casefold())}
    whole = {text.casefold() for text in known if text}
    return sorted((word for word in words | whole if len(word) >= _SHORTEST_CLUE), key=len, reverse=True)


def _without_rows(text: str) -> str:
    """The text without runs of neighbours, forwards or backwards: `1234`, `lkjh`."""
    rows = [*_ROWS, *(row[::-1] for row in _ROWS)]
    kept, start = "", 0
    while start < len(text):
        length = _RUN
        while start + length <= len(text) and any(text[start : start + length] in row for row in rows):
            length += 1
        if length > _RUN:
            start += length - 1
        else:
            kept += text[start]
            start += 1
    return kept
