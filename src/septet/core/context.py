"""Who is asking, and what they have to work with: the first argument of every operation, relation and task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import msgspec
from msgspec import Struct

from septet.core.database import Isolation, Transaction
from septet.core.errors import Forbidden, ProofRequired, TooMany, Unauthenticated
from septet.core.proofs import Proof
from septet.core.trail import TRAIL
from septet.core.types import AccountId, SessionId

if TYPE_CHECKING:
    from septet.core.events import Event
    from septet.core.limits import Limit, Standing
    from septet.core.runtime import Runtime

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound=Struct)


class Actor(Struct, frozen=True):
    """An account that asks, or nobody, or the server itself."""

    account: AccountId | None = None
    session: SessionId | None = None  # or the key that asks in its place: what can be ended
    scopes: frozenset[str] = frozenset()
    key: str = "anonymous"  # tells actors apart in limits and idempotency
    client: str = ""  # the OAuth client that asks for the account; empty for the account itself
    proven_at: float = 0.0  # when its owner last proved who they are, in seconds since 1970; 0 for a key
    factors: int = 0  # with how many factors

    @property
    def known(self) -> bool:
        """Whether it is known who asks: an account, or a client for itself."""
        return self.account is not None or bool(self.client)

    @property
    def id(self) -> AccountId:
        """The account that asks. Raises Unauthenticated if nobody does, Forbidden for a client that asks for itself."""
        if self.account is None:
            if self.client:
                raise Forbidden("This is a person's: a client that asks for itself has none of it.")
            raise Unauthenticated("Sign in first.")
        return self.account


ANONYMOUS = Actor()
SERVER = Actor(key="server")


class Client(Struct, frozen=True):
    """Where a call came from. `address` is already grouped for limits: IPv6 by its /64."""

    address: str = ""
    user_agent: str = ""


NOWHERE = Client()


class Context:
    """One call. Lives as long as the call; a retried transaction starts with its records emptied."""

    __slots__ = (
        "_now",
        "actor",
        "after_commit",
        "client",
        "pending",
        "replayed",
        "request_id",
        "runtime",
        "stale",
        "standings",
        "trail",
        "transaction",
    )

    def __init__(
        self, runtime: Runtime, actor: Actor = ANONYMOUS, client: Client = NOWHERE, request_id: str = ""
    ) -> None:
        self.runtime = runtime
        self.actor = actor
        self.client = client
        self.request_id = request_id
        self.transaction: Transaction | None = None
        self._now: datetime | None = None
        self.pending: list[Any] = []  # events and tasks to store with this transaction
        self.standings: list[Standing] = []  # what its limits left it, for the reply's headers
        self.after_commit: list[Callable[[], None]] = []
        self.stale: tuple[str, ...] = ()  # tags of cached values that this transaction makes untrue
        self.replayed = False  # the value was stored by an earlier call with the same idempotency key
        self.trail = TRAIL.get()  # what its call or task did so far; the server's own work leaves none

    @property
    def tx(self) -> Transaction:
        """The open transaction. Raises RuntimeError outside one: a `steps` operation opens it by `read` or `write`."""
        if self.transaction is None:
            raise RuntimeError("no transaction is open: call this through ctx.read(…) or ctx.write(…)")
        return self.transaction

    @property
    def now(self) -> datetime:
        """The moment of this call, the same throughout it. In UTC."""
        if self._now is None:
            self._now = self.runtime.clock()
        return self._now

    def settings(self, of: type[S]) -> S:
        """The settings that a system declares on its card."""
        return self.runtime.settings_of(of)

    def require_scope(self, scope: str | None) -> None:
        """Raise Unauthenticated or Forbidden unless the caller's token holds `scope`."""
        if scope is None or scope in self.actor.scopes:
            return
        if not self.actor.known:
            raise Unauthenticated("This needs an access token: Authorization: Bearer …")
        raise Forbidden(f"This needs the scope {scope}.")

    def require_proof(self, proof: Proof | None) -> None:
        """Raise ProofRequired unless the caller's token tells of a proof as fresh and as strong as this."""
        if proof is None:
            return
        actor = self.actor
        late = proof.seconds is not None and self.now.timestamp() - actor.proven_at > proof.seconds
        if late or actor.factors < proof.factors:
            raise ProofRequired(proof)

    def publish(self, event: Event) -> None:
        """Announce `event`: stored in this transaction for each who listens, delivered after it."""
        self.runtime.outbox.publish(self, event)

    def enqueue(
        self,
        task: Callable[[Context, S], Awaitable[None]],
        payload: S,
        *,
        at: datetime | None = None,
        ordered_by: str | None = None,
    ) -> None:
        """Store a task in this transaction, to run after it, at `at` at the earliest.

        Tasks with the same `ordered_by` run one after another, in the order they were stored.
        """
        self.runtime.outbox.enqueue(self, task, payload, at=at, ordered_by=ordered_by)

    def on_commit(self, call: Callable[[], None]) -> None:
        """Do `call` in this process once the transaction is durable, and never if it is not."""
        self.after_commit.append(call)

    def spend(self, limit: Limit, what: str, whose: str, *, refusal: str | None = None) -> None:
        """Count one use of `what` by `whose`. Raises TooMany, saying `refusal`, when the limit is reached."""
        self._obey(limit, self.runtime.spend(limit, what, whose), refusal)

    async def spend_everywhere(self, limit: Limit, what: str, whose: str, *, refusal: str | None = None) -> None:
        """As `spend`, exact across processes, at the price of asking their store: for what is rare and costly."""
        self._obey(limit, await self.runtime.spend_everywhere(limit, what, whose), refusal)

    def _obey(self, limit: Limit, standing: Standing | None, refusal: str | None) -> None:
        if standing is None:
            return
        self.standings.append(standing)
        if not standing.allowed:
            detail = refusal or f"At most {limit.quota} calls in {limit.window:g} seconds."
            raise TooMany(detail, retry_after=standing.reset)

    def invalidate(self, *tags: str) -> None:
        """Let no cached value with one of `tags` be found any more, once this transaction is durable."""
        self.stale += tags

    def broadcast(self, channel: str, data: Any) -> None:
        """Publish `data` to a channel once this transaction is durable. It is encoded now: later changes do not show.

        Raises RuntimeError outside a transaction.
        """
        assert self.tx is not None
        encoded = msgspec.Raw(msgspec.json.encode(data))
        self.on_commit(lambda: self.runtime.broker.publish(channel, encoded))

    async def read(self, work: Callable[Concatenate[Context, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a reading transaction of its own: one step of a `steps` operation."""
        self._leave_own_time()
        return await self.runtime.read(self, lambda: work(self, *args, **kwargs))

    async def write(
        self, work: Callable[Concatenate[Context, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run `work` in a writing transaction of its own, durable on return: one step of a `steps` operation."""
        self._leave_own_time()
        return await self.runtime.write(self, lambda: work(self, *args, **kwargs), name=work.__qualname__)

    async def write_hot(
        self, work: Callable[Concatenate[Context, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """As `write`, READ COMMITTED: for atomic updates of rows that many change at once."""
        self._leave_own_time()
        return await self.runtime.write(
            self, lambda: work(self, *args, **kwargs), Isolation.READ_COMMITTED, work.__qualname__
        )

    def _leave_own_time(self) -> None:
        """What went before was the operation's own doing, between two transactions."""
        if self.trail is not None:
            self.trail.resume()
