"""Keycloak on the PostgreSQL of its deployment, with one realm, one client and one user that are known."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import requests

from harness.core.kubernetes import text
from harness.core.model import Json, Login
from harness.core.ports import Cluster, Unanswered
from harness.workloads.keycloak.jwt import Invalid, Key, published, verified

_PORT = 8080
_ANSWER_S = 20

REALM, CLIENT, USER = "gateway", "portal", "ada"
"""As in fixtures/custos-shipped/keycloak/base/realm.json."""


class Keycloak:
    """Implements `harness.core.ports.Service`; what is deployed is in fixtures/custos-shipped/keycloak."""

    name = "keycloak"
    store = "postgres"
    pods = ("keycloak-0",)
    secret_keys = ("database-password", "client-secret", "user-password")
    """The keys of the Secret `keycloak-credentials`."""

    def __init__(self, cluster: Cluster, namespace: str, secret: Mapping[str, str]) -> None:
        """`secret` has the values of `secret_keys`."""
        self._cluster = cluster
        self._namespace = namespace
        self._secret = secret

    def login(self, earlier: str = "") -> tuple[Login, str]:
        """Ask for a token with the user's password and with another one; hold it and the earlier one against the keys.

        That is the password grant of OpenID Connect, as a portal's own form would use it.
        """
        with self._answering() as address:
            status, document = _ask("GET", f"{address}/certs")
            if status != requests.codes.ok:
                return Login({}, "", f"it has no keys of the realm {REALM}: {_said(status, document)}", "", ""), ""
            try:
                keys = published(document)
            except Invalid as error:
                return Login({}, "", str(error), "", ""), ""
            status, answer = self._token(address, self._secret["user-password"])
            wrong_status, wrong = self._token(address, self._secret["user-password"][::-1] + "x")
        token = text(answer, "access_token")
        try:
            signed_by, detail = _ours(token, keys) if token else ("", _said(status, answer))
        except Invalid as error:
            signed_by, detail = "", f"what it gave is no token of the user: {error}"
        login = Login(
            {name: key.fingerprint for name, key in keys.items()},
            signed_by,
            detail,
            _of_a_wrong_password(wrong_status, wrong),
            _worth(earlier, keys) if earlier else "",
        )
        return login, token if signed_by else ""

    def _token(self, address: str, password: str) -> tuple[int, Json]:
        form = {"grant_type": "password", "scope": "openid", "client_id": CLIENT, "username": USER}
        secrets = {"client_secret": self._secret["client-secret"], "password": password}
        return _ask("POST", f"{address}/token", {**form, **secrets})

    @contextlib.contextmanager
    def _answering(self) -> Iterator[str]:
        with self._cluster.forward(self._namespace, self.pods[0], _PORT) as (host, port):
            yield f"http://{host}:{port}/realms/{REALM}/protocol/openid-connect"


def _ask(method: str, url: str, form: Mapping[str, str] | None = None) -> tuple[int, Json]:
    """The status and the document of an answer; Unanswered if there is none."""
    try:
        # No proxy of the user's environment: what is asked is a forward on this machine.
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, url, data=form, timeout=_ANSWER_S)
    except requests.RequestException as error:
        raise Unanswered(f"{method} {url.rpartition('/')[2]}: {type(error).__name__}") from error
    try:
        return answer.status_code, answer.json()
    except requests.JSONDecodeError:
        return answer.status_code, None


def _ours(token: str, keys: Mapping[str, Key]) -> tuple[str, str]:
    """The id of the token's key. Invalid if it does not hold, or is of another user or realm."""
    found = verified(token, keys)
    user, realm = text(found.claims, "preferred_username"), text(found.claims, "iss").rpartition("/")[2]
    if (user, realm) != (USER, REALM):
        raise Invalid(f"it is of the user {user} of the realm {realm}")
    return found.key, ""


def _worth(token: str, keys: Mapping[str, Key]) -> str:
    try:
        _ours(token, keys)
    except Invalid as error:
        return str(error)
    return "holds"


def _of_a_wrong_password(status: int, answer: Json) -> str:
    if text(answer, "access_token"):
        return "let in"
    refused = status == requests.codes.unauthorized and text(answer, "error") == "invalid_grant"
    return "refused" if refused else _said(status, answer)


def _said(status: int, answer: Json) -> str:
    words = [text(answer, key) for key in ("error", "error_description")]
    return " ".join([str(status), *(word for word in words if word)])
