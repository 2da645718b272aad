"""Requests to one API server, as raw JSON: the client's typed models cost five times as much."""

from __future__ import annotations

import contextlib
import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, urlencode

import urllib3
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException

from harness.core.api.kinds import DISCOVERY, Kind, kinds, named, of_object
from harness.core.errors import ApiFailed, TimedOut
from harness.core.json import items, text

if TYPE_CHECKING:
    from harness.core.api.kubeconfig import Access
    from harness.core.model import Json

CONNECT_S = 10.0
"""A server that accepts no connection for so long is taken for one that does not answer."""

MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
_APPLY = "application/apply-patch+yaml"
_CHUNK = 1 << 16
_BUSY = urllib3.Retry(
    total=5,
    connect=False,
    read=False,
    redirect=False,
    other=False,
    status=5,
    status_forcelist={HTTPStatus.TOO_MANY_REQUESTS},  # the server did nothing, and says when to ask again
    allowed_methods=None,
    raise_on_status=False,
    retry_after_max=5,
)

# What is worth a line we say ourselves, and whether certificates are verified is the kubeconfig's word.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

Query = Sequence[tuple[str, str]]


class _Broken(ApiFailed):
    """The connection ended before the answer did."""


class NotServed(Exception):
    """The server does not know a kind, or not how to say all kinds at once."""


class Api:
    """One cluster, for any number of threads. Every method: ApiFailed, and TimedOut past `within_s` seconds."""

    def __init__(self, access: Access) -> None:
        self.access, self.configuration = access, access.configuration
        self.configuration.retries = _BUSY
        self.configuration.keep_alive = True
        self._reader, self._writer = (_client(self.configuration) for _ in range(2))
        self._known: tuple[Kind, ...] = ()
        self._asking = threading.Lock()

    @property
    def namespace(self) -> str:
        """That of the context."""
        return self.access.namespace

    def kind(self, word: str, within_s: float = CONNECT_S) -> Kind:
        """What kubectl's word for a kind means here: `pods`, `pvc`, `backups.velero.io`. NotServed."""
        found = named(self._known, word) or named(self.kinds(within_s), word)
        if found is None:
            raise NotServed(word)
        return found

    def kind_of(self, thing: Mapping[str, Json], within_s: float = CONNECT_S) -> Kind:
        """The kind of an object. NotServed."""
        found = of_object(self._known, thing) or of_object(self.kinds(within_s), thing)
        if found is None:
            raise NotServed(text(thing, "kind"))
        return found

    def kinds(self, within_s: float = CONNECT_S) -> tuple[Kind, ...]:
        """All kinds, asked anew. NotServed by a server that is too old."""
        answers = [self._json("GET", path, within_s=within_s, accept=DISCOVERY) for path in ("/api", "/apis")]
        if {text(each, "kind") for each in answers} != {"APIGroupDiscoveryList"}:
            raise NotServed("all kinds at once")
        self._known = kinds(*answers)
        return self._known

    def list(
        self, kind: Kind, namespace: str = "", *, selector: str = "", fields: str = "", within_s: float = 60
    ) -> tuple[Mapping[str, Json], ...]:
        """The objects of a kind, in a namespace or in all, that labels and fields select."""
        asked = [(key, value) for key, value in (("labelSelector", selector), ("fieldSelector", fields)) if value]
        answer = self._json("GET", kind.path(namespace), query=asked, within_s=within_s)
        return tuple(_shown(each, kind) for each in items(answer, "items"))

    def get(self, kind: Kind, name: str, namespace: str = "", *, within_s: float = 60) -> Mapping[str, Json]:
        return _shown(self._json("GET", kind.path(namespace, name), within_s=within_s), kind)

    def raw(self, path: str, *, query: Query = (), within_s: float = 60) -> bytes:
        """What a path of the server answers, as it is."""
        return self._ask("GET", path, query=query, within_s=within_s)

    def create(
        self, kind: Kind, thing: Mapping[str, Json], namespace: str = "", *, within_s: float = 60
    ) -> Mapping[str, Json]:
        return _shown(self._json("POST", kind.path(namespace), body=thing, within_s=within_s), kind)

    def patch(
        self,
        kind: Kind,
        name: str,
        patch: Json,
        namespace: str = "",
        *,
        how: str = MERGE,
        part: str = "",
        within_s: float = 60,
    ) -> None:
        """Change an object, or a `part` of it such as `/scale`; `how` is the content type of the patch."""
        self._json("PATCH", kind.path(namespace, name) + part, body=patch, content=how, within_s=within_s)

    def apply(self, kind: Kind, thing: Mapping[str, Json], namespace: str = "", *, within_s: float = 60) -> None:
        """Apply on the server's side, also what others own."""
        path, owner = kind.path(namespace, text(thing, "metadata", "name")), [("fieldManager", "kubectl")]
        asked = [*owner, ("force", "true")]
        self._json("PATCH", path, query=asked, body=thing, content=_APPLY, within_s=within_s)

    def delete(
        self, kind: Kind, name: str, namespace: str = "", *, options: Mapping[str, Json], within_s: float = 60
    ) -> str:
        """Ask for the deletion of an object, which may take longer; its UID."""
        answer = self._json("DELETE", kind.path(namespace, name), body=options, within_s=within_s)
        return text(answer, "metadata", "uid") or text(answer, "details", "uid")

    def headers(self) -> dict[str, str]:
        """What shows who we are, where certificates do not."""
        token = self.configuration.get_api_key_with_prefix("BearerToken")
        return {"authorization": str(token)} if token else {}

    def _json(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Json = None,
        content: str = "application/json",
        accept: str = "application/json",
        within_s: float,
    ) -> Json:
        answer = self._ask(method, path, query=query, body=body, content=content, accept=accept, within_s=within_s)
        try:
            return cast("Json", json.loads(answer))
        except ValueError as error:
            raise ApiFailed(f"{method} {path}", f"the answer is no JSON: {answer[:100]!r}") from error

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Json = None,
        content: str = "application/json",
        accept: str = "*/*",
        within_s: float,
    ) -> bytes:
        """The body of the answer. What only reads is asked again where the server closed our connection meanwhile.

        What changes something gets a new connection, so that it is never sent twice.
        """
        asked, reads = f"{method} {path}", method == "GET"
        client = self._reader if reads else self._writer
        if not reads:
            client.rest_client.close()  # the connections that are idle
        headers = {"Accept": accept, **self.headers(), **({} if reads else {"Content-Type": content})}
        headers |= {} if reads else {"Connection": "close"}
        for again in (reads, False):
            started = time.monotonic()
            try:
                with self._explained(asked, within_s):
                    wait_s = (min(CONNECT_S, within_s), within_s)
                    answer = client.call_api(method, self._url(path, query), headers, body, _request_timeout=wait_s)
                    read = b"".join(_chunks(answer.response, started + within_s))
            except TimedOut:
                if not again or time.monotonic() - started < within_s + 1:
                    raise  # else we were stopped ourselves, and it was not slow
                continue
            except _Broken:
                if not again:
                    raise
                continue
            if answer.status < HTTPStatus.BAD_REQUEST:
                return read
            raise refusal(asked, answer.status, read)
        raise AssertionError(asked)

    @contextlib.contextmanager
    def stream(self, path: str, query: Query, *, idle_s: float) -> Iterator[tuple[Iterator[bytes], Callable[[], None]]]:
        """The parts of an answer as they come, and what ends it from another thread. ApiFailed, TimedOut."""
        asked = f"GET {path}"
        with self._explained(asked, idle_s):
            times = (CONNECT_S, idle_s)
            answer = self._reader.call_api("GET", self._url(path, query), self.headers(), _request_timeout=times)
            response = answer.response
            try:
                if answer.status >= HTTPStatus.BAD_REQUEST:
                    raise refusal(asked, answer.status, response.read())
                yield response.stream(_CHUNK), response.shutdown
            finally:
                response.close()

    def _url(self, path: str, query: Query) -> str:
        return self.configuration.host + quote(path, safe="/?=&%:") + (f"?{urlencode(query)}" if query else "")

    @contextlib.contextmanager
    def _explained(self, asked: str, within_s: float) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        except (urllib3.exceptions.ReadTimeoutError, TimeoutError) as error:
            if time.monotonic() - started < within_s - 0.5:  # a handshake: as for kubectl, a failure that may pass
                why = f"{self.configuration.host} does not answer: no connection after {CONNECT_S:.0f} s"
                raise ApiFailed(asked, why) from error
            raise TimedOut(asked, within_s, "no answer") from error
        except urllib3.exceptions.ProtocolError as error:
            raise _Broken(asked, f"the connection broke: {error}") from error
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            raise ApiFailed(asked, f"{self.configuration.host} does not answer: {_why(error)}") from error


def _client(configuration: Configuration) -> ApiClient:
    client = ApiClient(configuration)
    client.user_agent = "drillproof"
    verified = ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE
    context = urllib3.util.create_urllib3_context(cert_reqs=verified)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # kubectl does not ask for it, and clusters' own CAs do not comply
    client.rest_client.pool_manager.connection_pool_kw["ssl_context"] = context
    return client


def _chunks(answer: urllib3.BaseHTTPResponse, deadline: float) -> Iterator[bytes]:
    while chunk := answer.read(_CHUNK):
        yield chunk
        if time.monotonic() > deadline:
            answer.close()
            raise TimeoutError
    answer.release_conn()


def _shown(thing: Json, kind: Kind) -> Mapping[str, Json]:
    """An object as kubectl shows it: with its kind, which a list does not repeat, and without its managed fields."""
    known = {"apiVersion": kind.api_version, "kind": kind.kind, **cast("Mapping[str, Json]", thing)}
    metadata = dict(cast("Mapping[str, Json]", known.get("metadata") or {}))
    metadata.pop("managedFields", None)
    return {**known, "metadata": metadata}


def refusal(asked: str, status: int, body: bytes) -> ApiFailed:
    """In the words of kubectl, which name the reason."""
    try:
        told: Json = json.loads(body)
    except ValueError:
        told = None
    reason = text(told, "reason") or HTTPStatus(status).phrase.replace(" ", "")
    message = text(told, "message") or " ".join(body[:500].decode(errors="replace").split())
    return ApiFailed(asked, f"Error from server ({reason}): {message}", status, reason)


def _why(error: Exception) -> str:
    """The cause below all that the client put around it."""
    while isinstance(inner := getattr(error, "reason", None) or error.__cause__, Exception):
        error = inner
    return str(inner or error)
