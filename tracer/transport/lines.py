"""The way of Electrum servers: JSON-RPC in lines over one TCP or TLS connection, many questions under way at once.

The lines of an answer are handed on as they came, but for the blanks before the last bracket with which ElectrumX fills
its packets up against observers. So that they are the same in every run, a call's id is not counted up but made of what
is asked (tracer/chains/bitcoin_questions.py). A question that holds several calls goes out as several lines, because
not every server takes arrays; its answer is the array of their lines, in the order of the calls. aiorpcX, the library
of the protocol's servers, was left aside because it hands out decoded answers only, and an archive needs the bytes.

Source: Electrum protocol 1.4 to 1.6 (electrum-protocol.readthedocs.io).
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import defaultdict, deque
from urllib.parse import urlsplit

from tracer.chains.adapter import Request
from tracer.chains.endpoint import Endpoint
from tracer.errors import ProviderError, ProviderStopError, shown
from tracer.transport.certificates import Certificates
from tracer.transport.ways import Came, LostError
from tracer.version import version

__all__ = ["Lines"]

_VERSIONS = ("1.4", "1.6")
"""Protocol versions that are spoken; 1.7 renames the methods of script hashes."""
_GREETING = 0
_CONNECT_SECONDS = 15.0
_GONE = "the connection was closed"


class _Connection:
    """One open connection: who waits for which id, and how many lines came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.waiting: defaultdict[object, deque[asyncio.Future[bytes]]] = defaultdict(deque)
        self.heard = 0
        self.closed = False

    def ask(self, call: dict[str, object]) -> asyncio.Future[bytes]:
        """Send one call; the future gets the line of its answer."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.waiting[call["id"]].append(future)
        self.writer.write(json.dumps(call, sort_keys=True, separators=(",", ":")).encode() + b"\n")
        return future

    def take(self, line: bytes) -> None:
        """Hand a line to whoever waits for it. Raises ValueError for a line that is no answer."""
        self.heard += 1
        answer = json.loads(line)
        if not isinstance(answer, dict):
            raise ValueError("no answer")  # noqa: TRY004 - one kind of error for all that is none
        if "method" in answer:
            return  # a notification: nothing is subscribed to on purpose
        place = answer.get("id")
        waiting = self.waiting.get(place) if isinstance(place, int) else None
        if waiting is None:
            raise ValueError("an answer to nothing")
        future = waiting.popleft()
        if not waiting:
            del self.waiting[place]
        if not future.done():
            future.set_result(_unpadded(line))

    def close(self, error: Exception) -> None:
        """Close it; everybody who waits gets `error`."""
        self.closed = True
        self.writer.transport.abort()  # nothing is owed to the other side, which may not answer any more
        for futures in self.waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # whoever waited may be gone: that is no fault
        self.waiting.clear()


class Lines:
    """The connection to one endpoint, opened when it is needed and again when it was lost. most: bytes of a line."""

    def __init__(self, endpoint: Endpoint, certificates: Certificates, most: int) -> None:
        self._endpoint, self._certificates, self._most = endpoint, certificates, most
        self._connection: _Connection | None = None
        self._opening = asyncio.Lock()
        self._readers: set[asyncio.Task[None]] = set()

    async def send(self, request: Request) -> Came:
        """See `Way.send`. A server that is silent until the deadline loses its connection."""
        asked = json.loads(request.body)
        calls = asked if isinstance(asked, list) else [asked]
        connection = await self._open()
        heard = connection.heard
        futures = [connection.ask(call) for call in calls]
        try:
            await connection.writer.drain()
            lines = [await future for future in futures]
        except OSError as error:
            raise LostError(f"the connection failed ({type(error).__name__})") from None
        except asyncio.CancelledError:
            if connection.heard == heard:
                connection.close(LostError(_GONE))
            raise
        return Came(b"[" + b",".join(lines) + b"]" if isinstance(asked, list) else lines[0])

    async def aclose(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close(LostError(_GONE))
        for reader in list(self._readers):
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    async def _open(self) -> _Connection:
        async with self._opening:
            if self._connection is None or self._connection.closed:
                try:
                    async with asyncio.timeout(_CONNECT_SECONDS):
                        self._connection = await self._connected()
                except (OSError, TimeoutError) as error:  # an ssl.SSLError is an OSError
                    raise LostError(f"no connection ({type(error).__name__})") from None
            return self._connection

    async def _connected(self) -> _Connection:
        parts = urlsplit(self._endpoint.base_url)
        host, port = str(parts.hostname), parts.port
        if parts.scheme == "tcp":
            pair = await asyncio.open_connection(host, port, limit=self._most)
        else:
            pair = await self._encrypted(host, port, f"{host}:{port}")
        connection = _Connection(*pair)
        reading = asyncio.create_task(self._read(connection))
        self._readers.add(reading)
        reading.add_done_callback(self._readers.discard)
        try:
            await self._greet(connection)
        except BaseException:
            connection.close(LostError(_GONE))
            raise
        return connection

    async def _encrypted(
        self, host: str, port: int | None, server: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            context = ssl.create_default_context()
            pair = await asyncio.open_connection(host, port, limit=self._most, ssl=context)
        except ssl.SSLCertVerificationError:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # the pin takes the place of the authority
            pair = await asyncio.open_connection(host, port, limit=self._most, ssl=context)
            try:
                certificate = pair[1].get_extra_info("ssl_object").getpeercert(binary_form=True)
                self._certificates.check(server, certificate or b"")
            except BaseException:
                pair[1].transport.abort()
                raise
        else:
            self._certificates.vouched(server)
        return pair

    async def _greet(self, connection: _Connection) -> None:
        """Agree on a version of the protocol, as the first message must."""
        named = [f"coinpursuit/{version()}", list(_VERSIONS)]
        line = await connection.ask(
            {"jsonrpc": "2.0", "id": _GREETING, "method": "server.version", "params": named}
        )
        answer = json.loads(line)
        found = answer.get("result")
        spoken = found[1] if isinstance(found, list) and len(found) == 2 else None
        if not isinstance(spoken, str) or not _VERSIONS[0] <= spoken <= _VERSIONS[1] + "~":
            said = shown(answer.get("error", found), 120)
            raise ProviderStopError(
                f"{self._endpoint.name} does not speak the Electrum protocol {_VERSIONS[0]} to {_VERSIONS[1]}: {said}.",
                "Check its address and port, or use another server.",
            )

    async def _read(self, connection: _Connection) -> None:
        """Hand out lines until the connection ends."""
        error: Exception = LostError(_GONE)
        try:
            while True:
                connection.take(await connection.reader.readuntil(b"\n"))
        except asyncio.LimitOverrunError:
            error = ProviderError(
                f"{self._endpoint.name} sent more than {self._most // 2**20} MiB in one answer.",
                "Use another server.",
            )
        except (ValueError, RecursionError):
            error = LostError("it answered with something that is no answer")
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            connection.close(error)


def _unpadded(line: bytes) -> bytes:
    """A line without its end and without the blanks before its last bracket."""
    bare = line.rstrip()
    return bare[:-1].rstrip() + bare[-1:]
