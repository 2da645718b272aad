"""JSON Web Tokens, verified by the keys that their issuer publishes (RFC 7515 to 7519); RS256 only."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from harness.core.kubernetes import items, text
from harness.core.model import Json


class Invalid(Exception):
    """The token does not hold; the text says why."""


@dataclass(frozen=True)
class Key:
    """One RSA key that an issuer publishes for signatures."""

    modulus: int
    exponent: int

    @property
    def fingerprint(self) -> str:
        """A hash of the key itself: an id can be given to any key."""
        return hashlib.sha256(f"{self.modulus:x} {self.exponent:x}".encode()).hexdigest()


@dataclass(frozen=True)
class Verified:
    """A token whose signature holds."""

    key: str  # the id of its key
    claims: Mapping[str, Json]


def published(document: Json) -> dict[str, Key]:
    """The keys for RS256 signatures of an issuer's key set, by their ids. Invalid if it is none."""
    try:
        return {
            text(key, "kid"): Key(_number(text(key, "n")), _number(text(key, "e")))
            for key in items(document, "keys")
            if (text(key, "kty"), text(key, "use"), text(key, "alg")) == ("RSA", "sig", "RS256")
        }
    except ValueError as error:
        raise Invalid(f"its key set cannot be read: {error}") from error


def verified(token: str, keys: Mapping[str, Key]) -> Verified:
    """The token if the signature holds by one of `keys`; else Invalid. Whether it has expired is not asked."""
    try:
        header, payload, signature = token.split(".")
        said, claims = json.loads(_bytes(header)), json.loads(_bytes(payload))
        signed = _bytes(signature)
    except ValueError as error:
        raise Invalid(f"it is no token: {error}") from error
    kid = text(said, "kid")
    if text(said, "alg") != "RS256" or kid not in keys:
        raise Invalid(f"it is signed ({text(said, 'alg')}) by the key {kid or 'without an id'}, which is not published")
    try:
        key = RSAPublicNumbers(keys[kid].exponent, keys[kid].modulus).public_key()
        key.verify(signed, f"{header}.{payload}".encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError) as error:
        raise Invalid(f"its signature is not that of the key {kid}") from error
    if not isinstance(claims, Mapping):
        raise Invalid("it claims nothing")
    return Verified(kid, claims)


def _bytes(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _number(part: str) -> int:
    return int.from_bytes(_bytes(part), "big")
