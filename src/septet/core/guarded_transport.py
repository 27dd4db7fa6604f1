"""The transport of guarded calls: it checks where a request goes, pins that address, and bounds what comes back.

Import it where it is used: it brings httpx along, which takes its time to load, and most servers call nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from ipaddress import ip_address

import httpx

from septet.core import outbound
from septet.core.outbound import MOST_BYTES, OutboundError, resolve


@asynccontextmanager
async def guarded(named: Collection[str]) -> AsyncIterator[httpx.AsyncBaseTransport]:
    """A transport for httpx. `named`: hosts that the operator named, which may be inside, and without TLS on loopback.

    All that is done with it together takes at most LONGEST_SECONDS. Raises OutboundError.
    """
    try:
        async with (
            asyncio.timeout(outbound.LONGEST_SECONDS),
            httpx.AsyncHTTPTransport(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)) as inner,
        ):
            yield Guarded(inner, named)
    except TimeoutError as error:
        raise OutboundError(f"no answer within {outbound.LONGEST_SECONDS:g} seconds") from error
    except httpx.HTTPError as error:
        raise OutboundError(f"{type(error).__name__}: {error}") from error


class Guarded(httpx.AsyncBaseTransport):
    def __init__(self, inner: httpx.AsyncBaseTransport, named: Collection[str]) -> None:
        self._inner = inner
        self._named = named

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises OutboundError."""
        host = request.url.host
        address = await resolve(host, request.url.port or 443, self._named)
        if request.url.scheme != "https" and not (host in self._named and ip_address(address).is_loopback):
            raise OutboundError(f"{host}: only https is called")
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"accept-encoding"]
        called = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=[*headers, (b"accept-encoding", b"identity")],
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},  # the certificate is the name's
        )
        reply = await self._inner.handle_async_request(called)
        if "content-encoding" in reply.headers:  # small on its way and huge once unpacked
            await reply.aclose()
            raise OutboundError(f"{host}: a reply that is packed, which was not asked for")
        assert isinstance(reply.stream, httpx.AsyncByteStream)
        bounded = _Bounded(reply.stream)
        return httpx.Response(reply.status_code, headers=reply.headers, stream=bounded, extensions=reply.extensions)


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._stream:
            size += len(part)
            if size > MOST_BYTES:
                raise OutboundError(f"a reply of more than {MOST_BYTES} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
