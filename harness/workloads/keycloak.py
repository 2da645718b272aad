"""Logins to Keycloak, which keeps everything in PostgreSQL, with one known realm, client and user."""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping

import requests
from jwt import PyJWK, PyJWS, PyJWTError

from harness.core.json import items, text
from harness.core.model import Json, Login
from harness.core.ports import ClusterAccess, Unanswered

_PORT = 8080
_ANSWER_S = 20

_COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
"""A signed token. PyJWT would skip characters that are not base64url."""

REALM, CLIENT, USER = "gateway", "portal", "ada"
"""As in fixtures/custos-shipped/keycloak/base/realm.json."""


class InvalidToken(Exception):
    """A token, or the realm's key set, is not valid; the text says why."""


class Keycloak:
    """Implements `harness.core.ports.Service`; what is deployed is in fixtures/custos-shipped/keycloak."""

    name = "keycloak"
    store = "postgres"
    pods = ("keycloak-0",)
    secret_keys = ("database-password", "client-secret", "user-password")
    """The keys of the Secret `keycloak-credentials`."""

    def __init__(self, cluster: ClusterAccess, namespace: str, secret: Mapping[str, str]) -> None:
        """`secret` has the values of `secret_keys`."""
        self._cluster = cluster
        self._namespace = namespace
        self._secret = secret

    def login(self, earlier: str = "") -> tuple[Login, str]:
        """Request a token with the user's password and with a wrong one; verify it, and an `earlier` one.

        This is the password grant of OpenID Connect, as a portal's login form uses it.
        """
        with self._address() as address:
            status, document = _request("GET", f"{address}/certs")
            if status != requests.codes.ok:
                return Login({}, "", f"no keys of the realm {REALM}: {_error(status, document)}", "", ""), ""
            try:
                keys = published(document)
            except InvalidToken as error:
                return Login({}, "", str(error), "", ""), ""
            status, answer = self._token(address, self._secret["user-password"])
            wrong_status, wrong = self._token(address, self._secret["user-password"][::-1] + "x")
        token = text(answer, "access_token")
        try:
            signed_by, detail = (signing_key(token, keys), "") if token else ("", _error(status, answer))
        except InvalidToken as error:
            signed_by, detail = "", f"its token is not valid: {error}"
        login = Login(
            {name: _fingerprint(key) for name, key in keys.items()},
            signed_by,
            detail,
            _of_wrong_password(wrong_status, wrong),
            _of_earlier(earlier, keys) if earlier else "",
        )
        return login, token if signed_by else ""

    def _token(self, address: str, password: str) -> tuple[int, Json]:
        form = {"grant_type": "password", "scope": "openid", "client_id": CLIENT, "username": USER}
        secrets = {"client_secret": self._secret["client-secret"], "password": password}
        return _request("POST", f"{address}/token", {**form, **secrets})

    @contextlib.contextmanager
    def _address(self) -> Iterator[str]:
        with self._cluster.forward(self._namespace, self.pods[0], _PORT) as (host, port):
            yield f"http://{host}:{port}/realms/{REALM}/protocol/openid-connect"


def published(document: Json) -> dict[str, PyJWK]:
    """The keys for RS256 signatures in a realm's key set, by their ids. InvalidToken if one cannot be read."""
    try:
        return {
            text(key, "kid"): PyJWK(dict(key))
            for key in items(document, "keys")
            if isinstance(key, Mapping)
            and (text(key, "kty"), text(key, "use"), text(key, "alg")) == ("RSA", "sig", "RS256")
        }
    except (PyJWTError, ValueError) as error:
        raise InvalidToken(f"its key set cannot be read: {error}") from error


def signing_key(token: str, keys: Mapping[str, PyJWK]) -> str:
    """The id of the key that signed a token of the known user and realm; else InvalidToken. Its expiry is ignored.

    Only RS256 by one of `keys` counts, whatever the token's header says.
    """
    try:
        if not _COMPACT.fullmatch(token):
            raise InvalidToken("it is not a signed token")
        unverified = PyJWS().get_unverified_header(token)
        kid = text(unverified, "kid")
        if unverified.get("alg") != "RS256" or kid not in keys:
            raise InvalidToken(f"its key {kid or 'without an id'} ({unverified.get('alg')}) is not published")
        claims = json.loads(PyJWS().decode_complete(token, keys[kid], algorithms=["RS256"])["payload"])
    except (PyJWTError, ValueError) as error:
        raise InvalidToken(f"{type(error).__name__}: {error}") from error
    user, realm = text(claims, "preferred_username"), text(claims, "iss").rpartition("/")[2]
    if (user, realm) != (USER, REALM):
        raise InvalidToken(f"it is for the user {user} of the realm {realm}")
    return kid


def _fingerprint(key: PyJWK) -> str:
    """A hash of the key itself: any key can have any id."""
    numbers = key.key.public_numbers()
    return hashlib.sha256(f"{numbers.n:x} {numbers.e:x}".encode()).hexdigest()


def _request(method: str, url: str, form: Mapping[str, str] | None = None) -> tuple[int, Json]:
    """The status and the document of an answer; Unanswered if there is none."""
    try:
        # Without a proxy from the environment: the address is a forward on this machine.
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, url, data=form, timeout=_ANSWER_S)
    except requests.RequestException as error:
        raise Unanswered(f"{method} {url.rpartition('/')[2]}: {type(error).__name__}") from error
    try:
        return answer.status_code, answer.json()
    except requests.JSONDecodeError:
        return answer.status_code, None


def _of_earlier(token: str, keys: Mapping[str, PyJWK]) -> str:
    try:
        signing_key(token, keys)
    except InvalidToken as error:
        return str(error)
    return "holds"


def _of_wrong_password(status: int, answer: Json) -> str:
    if text(answer, "access_token"):
        return "let in"
    refused = status == requests.codes.unauthorized and text(answer, "error") == "invalid_grant"
    return "refused" if refused else _error(status, answer)


def _error(status: int, answer: Json) -> str:
    words = [text(answer, key) for key in ("error", "error_description")]
    return " ".join([str(status), *(word for word in words if word)])
