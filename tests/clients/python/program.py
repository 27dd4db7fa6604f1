"""A person's first minutes, through a client that is generated from /openapi.json: `program.py ADDRESS EMAIL`.

It is checked by mypy --strict before it runs: what does not fit here would not fit for those who use the server.
"""

import sys

from septet_client import AuthenticatedClient, Client
from septet_client.api.identity import change_me, read_me, refresh_session, register, sign_in, sign_out
from septet_client.api.notes import create_note, list_notes
from septet_client.models import (
    Account,
    Credentials,
    MeChanges,
    NewAccount,
    NewNote,
    Note,
    NotePage,
    Problem,
    RefreshToken,
    SessionReply,
    SignedUp,
)
from septet_client.types import UNSET

PASSWORD = "correct horse battery staple"


def signed_in(address: str, email: str) -> tuple[AuthenticatedClient, SessionReply]:
    """Register, which tells by its type whether the address must be verified first, and sign in."""
    stranger = Client(base_url=address)
    registered = register.sync(client=stranger, body=NewAccount(email=email, password=PASSWORD, name="Ada"))
    assert isinstance(registered, SignedUp)
    assert registered.account.email == email
    session = sign_in.sync(client=stranger, body=Credentials(email=email, password=PASSWORD))
    assert isinstance(session, SessionReply)
    return AuthenticatedClient(base_url=address, token=session.access_token), session


def change_oneself(me: AuthenticatedClient) -> None:
    """With the version that was read; a stale one is refused."""
    read = read_me.sync_detailed(client=me)
    assert isinstance(read.parsed, Account)
    name: str | None = read.parsed.name
    assert name == "Ada"
    changed = change_me.sync(client=me, body=MeChanges(name="Ada L."), if_match=read.headers["etag"])
    assert isinstance(changed, Account)
    assert changed.name == "Ada L."
    stale = change_me.sync(client=me, body=MeChanges(name="Somebody"), if_match=read.headers["etag"])
    assert isinstance(stale, Problem)
    assert stale.code == "precondition_failed"


def handle_problems(address: str, email: str, me: AuthenticatedClient) -> None:
    """They are typed, with every fault of the input."""
    wrong = sign_in.sync(client=Client(base_url=address), body=Credentials(email=email, password="not it"))
    assert isinstance(wrong, Problem)
    assert (wrong.status, wrong.code) == (401, "invalid_credentials")
    faulty = create_note.sync(client=me, body=NewNote(title="", stars=-1))
    assert isinstance(faulty, Problem)
    assert faulty.errors
    assert [fault.pointer for fault in faulty.errors] == ["/title", "/stars"]


def make_and_list(me: AuthenticatedClient, email: str) -> None:
    """Make something once, however often it is sent, and walk its pages."""
    for title in ("first", "second", "third"):
        made, again = (
            create_note.sync_detailed(client=me, body=NewNote(title=title), idempotency_key=f"{email}-{title}")
            for _ in range(2)
        )
        assert isinstance(made.parsed, Note)
        assert made.parsed == again.parsed
        assert again.headers["idempotent-replayed"] == "true"
    notes: list[Note] = []
    cursor: str | None = None
    while True:
        page = list_notes.sync(client=me, limit=2, cursor=UNSET if cursor is None else cursor)
        assert isinstance(page, NotePage)
        notes += page.items
        cursor = page.next_
        if cursor is None:
            break
    assert [note.title for note in notes] == ["third", "second", "first"]


def main(address: str, email: str) -> None:
    me, session = signed_in(address, email)
    change_oneself(me)
    handle_problems(address, email, me)
    make_and_list(me, email)
    refreshed = refresh_session.sync(client=me, body=RefreshToken(refresh_token=session.refresh_token))
    assert isinstance(refreshed, SessionReply)
    assert refreshed.refresh_token != session.refresh_token
    assert sign_out.sync_detailed(id="current", client=me).status_code == 204
    out = read_me.sync(client=me)
    assert isinstance(out, Problem)
    assert out.code == "unauthenticated"
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
