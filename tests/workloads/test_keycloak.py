"""Tokens, and what comes of a login: what Keycloak publishes and says is served here as it would."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from harness.core.model import Json, Volume
from harness.core.ports import Unanswered
from harness.workloads.keycloak import CLIENT, REALM, USER, InvalidToken, Keycloak, published, signing_key

SECRET = {"database-password": "d", "client-secret": "client-word", "user-password": "right-word"}


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def other() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def token(key: RSAPrivateKey, kid: str, alg: str = "RS256", **claims: Json) -> str:
    said = {"preferred_username": USER, "iss": f"http://keycloak/realms/{REALM}", **claims}
    parts = [encoded(json.dumps(part).encode()) for part in ({"alg": alg, "kid": kid}, said)]
    return ".".join([*parts, encoded(key.sign(".".join(parts).encode(), PKCS1v15(), SHA256()))])


def key_set(**keys: RSAPrivateKey) -> Json:
    return {
        "keys": [
            {
                "kid": kid,
                "kty": "RSA",
                "use": "sig",
                "alg": "RS256",
                **{
                    part: encoded(number.to_bytes(256, "big"))
                    for part, number in (
                        ("n", key.public_key().public_numbers().n),
                        ("e", key.public_key().public_numbers().e),
                    )
                },
            }
            for kid, key in keys.items()
        ]
    }


@dataclass
class Realm:
    """What the server says."""

    keys: Json
    token: str
    right: str = SECRET["user-password"]
    any_password: bool = False
    certs_status: int = 200
    asked: list[dict[str, list[str]]] = field(default_factory=list)

    def answer(self, form: dict[str, list[str]]) -> tuple[int, Json]:
        self.asked.append(form)
        if self.any_password or form["password"] == [self.right]:
            return 200, {"access_token": self.token}
        return 401, {"error": "invalid_grant", "error_description": "Invalid user credentials"}


class Served:
    """A cluster whose one pod is this server."""

    name = "served"

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address

    @contextlib.contextmanager
    def forward(self, namespace: str, pod: str, port: int) -> Iterator[tuple[str, int]]:
        assert (namespace, pod, port) == ("custos", "keycloak-0", 8080)
        yield self.address

    def up(self) -> None: ...
    def down(self) -> None: ...
    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        raise NotImplementedError

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        return ()

    def collect(self, into: object) -> None: ...


@contextlib.contextmanager
def serving(realm: Realm) -> Iterator[Keycloak]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == f"/realms/{REALM}/protocol/openid-connect/certs"
            self.say(realm.certs_status, realm.keys if realm.certs_status == 200 else {"error": "Realm does not exist"})

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.say(*realm.answer(form))

        def say(self, status: int, document: Json) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Keycloak(Served(("127.0.0.1", server.server_port)), "custos", SECRET)
        finally:
            server.shutdown()
            thread.join()


def test_a_login_says_which_key_signs_and_that_a_wrong_password_was_refused(key: RSAPrivateKey) -> None:
    realm = Realm(key_set(k1=key), token(key, "k1"))
    with serving(realm) as keycloak:
        login, got = keycloak.login()
    assert (login.signed_by, login.detail, login.stranger, login.earlier) == ("k1", "", "refused", "")
    assert got == realm.token
    assert list(login.keys) == ["k1"]
    right, wrong = realm.asked
    assert (right["client_id"], right["username"], right["password"]) == ([CLIENT], [USER], [realm.right])
    assert wrong["password"] != right["password"]


def test_a_token_of_before_holds_by_the_same_key_only(key: RSAPrivateKey, other: RSAPrivateKey) -> None:
    earlier = token(key, "k1")
    with serving(Realm(key_set(k1=key, k2=other), token(other, "k2"))) as keycloak:
        same, _ = keycloak.login(earlier)
    with serving(Realm(key_set(k2=other), token(other, "k2"))) as keycloak:
        anew, _ = keycloak.login(earlier)
    with serving(Realm(key_set(k1=other), token(other, "k1"))) as keycloak:
        swapped, _ = keycloak.login(earlier)
    assert same.earlier == "holds"
    assert "k1" in anew.earlier
    assert "InvalidSignature" in swapped.earlier
    assert swapped.keys != same.keys  # the id is the same, the key is not


def test_a_realm_that_is_gone_a_wrong_user_and_any_password_are_told(key: RSAPrivateKey) -> None:
    with serving(Realm(None, "", certs_status=404)) as keycloak:
        gone, nothing = keycloak.login()
    with serving(Realm(key_set(k1=key), token(key, "k1", preferred_username="eve"))) as keycloak:
        stranger, none = keycloak.login()
    with serving(Realm(key_set(k1=key), token(key, "k1"), any_password=True)) as keycloak:
        open_door, _ = keycloak.login()
    with serving(Realm(key_set(k1=key), token(key, "k1"), right="forgotten")) as keycloak:
        forgotten, no = keycloak.login()
    assert "404 Realm does not exist" in gone.detail
    assert "eve" in stranger.detail
    assert open_door.stranger == "let in"
    assert "401 invalid_grant" in forgotten.detail
    assert (nothing, none, no) == ("", "", "")


def test_no_answer_is_no_login(key: RSAPrivateKey) -> None:
    with serving(Realm(None, "")) as keycloak:
        pass
    with pytest.raises(Unanswered):
        keycloak.login()


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda t: t.replace(t.split(".")[1], encoded(b'{"preferred_username":"eve"}')),
        lambda t: t[:-8] + ("A" * 8),
        lambda t: t.rpartition(".")[0],
        lambda t: t.rpartition(".")[0] + ".",
        lambda _: "",
        lambda t: t[:-8] + "!" + t[-8:],
        lambda t: f"{t}.{t}",
    ],
    ids=["other claims", "other signature", "two parts", "no signature", "nothing", "not base64url", "more parts"],
)
def test_a_token_that_somebody_edited_does_not_hold(key: RSAPrivateKey, spoilt: object) -> None:
    keys = published(key_set(k1=key))
    assert signing_key(token(key, "k1"), keys) == "k1"
    assert callable(spoilt)
    with pytest.raises(InvalidToken):
        signing_key(spoilt(token(key, "k1")), keys)


def test_a_token_may_not_choose_its_own_algorithm(key: RSAPrivateKey) -> None:
    with pytest.raises(InvalidToken, match="none"):
        signing_key(token(key, "k1", alg="none"), published(key_set(k1=key)))
