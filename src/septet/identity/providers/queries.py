"""Every query about accounts elsewhere."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select

from septet.core.database import many, maybe, run
from septet.identity.providers.tables import provider_accounts
from septet.identity.providers.types import ProviderAccount
from septet.identity.rows import Found
from septet.identity.statements import insert_row

_of_account = provider_accounts.c.account_id == bindparam("account_id")

find_owner = maybe(
    select(provider_accounts.c.account_id.label("id")).where(
        provider_accounts.c.issuer == bindparam("issuer"), provider_accounts.c.subject == bindparam("subject")
    ),
    into=Found,
)
insert_link = run(insert_row(provider_accounts).on_conflict_do_nothing(index_elements=["issuer", "subject"]))
links_of = many(
    select(provider_accounts.c.id, provider_accounts.c.issuer, provider_accounts.c.email, provider_accounts.c.linked_at)
    .where(_of_account)
    .order_by(provider_accounts.c.id),
    into=ProviderAccount,
)
unlink = run(delete(provider_accounts).where(provider_accounts.c.id == bindparam("id"), _of_account))
unlink_all = run(delete(provider_accounts).where(_of_account))
