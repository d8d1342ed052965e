"""The way of HTTP: one client per endpoint, which follows no redirect and sends the key to that endpoint alone."""

from __future__ import annotations

import logging
from base64 import b64encode

import httpx2

from tracer.chains.adapter import Request
from tracer.chains.endpoint import BASIC, IN_URL, Endpoint
from tracer.transport.answers import body_of, retry_after
from tracer.transport.ways import Came, LostError
from tracer.version import version

__all__ = ["Http"]

for _name in ("httpx2", "httpcore2"):  # their log lines hold the whole address, the key in it
    logging.getLogger(_name).setLevel(logging.ERROR)


class Http:
    """A client for one endpoint. deadline: seconds for one answer. most: bytes of one answer. wire: for tests."""

    def __init__(
        self,
        endpoint: Endpoint,
        key: str,
        deadline: float,
        most: int,
        wire: httpx2.AsyncBaseTransport | None,
    ) -> None:
        self._endpoint, self._key, self._most = endpoint, key, most
        self._client = httpx2.AsyncClient(
            transport=wire,
            timeout=httpx2.Timeout(deadline, connect=min(15.0, deadline)),
            limits=httpx2.Limits(max_connections=endpoint.concurrency),
            follow_redirects=False,
            trust_env=not endpoint.local,  # a company's proxy, but never for a node on this machine
            headers={"user-agent": f"coinpursuit/{version()}", "accept": "application/json"},
        )

    async def send(self, request: Request) -> Came:
        """See `Way.send`."""
        try:
            response = await self._client.send(self._built(request), stream=True)
            try:
                body = await body_of(response, self._endpoint.name, self._most)
            finally:
                await response.aclose()
        except (
            httpx2.RequestError
        ) as error:  # also one of unpacking; its text may hold the address with the key
            raise LostError(f"the connection failed ({type(error).__name__})") from None
        return Came(body, response.status_code, retry_after(response), response.is_redirect)

    async def aclose(self) -> None:
        """Close the client."""
        await self._client.aclose()

    def _built(self, request: Request) -> httpx2.Request:
        endpoint, key = self._endpoint, self._key
        params: list[tuple[str, str | int | float | bool | None]] = [*request.params]
        headers = {}
        if key and endpoint.key_param == IN_URL:
            pass  # it stands in the base URL
        elif key and endpoint.key_param == BASIC:
            headers["authorization"] = f"Basic {b64encode(key.encode()).decode()}"
        elif key and endpoint.key_param:
            params.append((endpoint.key_param, key))
        elif key:
            headers["authorization"] = f"Bearer {key}"
        if request.body:
            headers["content-type"] = "application/json"
        return self._client.build_request(
            "POST" if request.body else "GET",
            endpoint.base_url.replace(IN_URL, key) + request.path,
            params=params or None,
            content=request.body or None,
            headers=headers,
        )
