"""Keys: the private key that signs the runs of this user, and the public keys that this user trusts.

They lie in one folder: `own.key` (made on first use, Ed25519, for its owner's eyes only), `own.pub`, and the `.pub` of
everybody else who is known. A key's name is its fingerprint, the SHA-256 of its DER form, as these say it, too:

    openssl pkey -pubin -in own.pub -outform DER | sha256sum
"""

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import (  # type: ignore[attr-defined] # it does not say that it exports them
    CryptoSigner,
    SSlibKey,
)

from harness.core.errors import Misconfigured

PrivateKey = CryptoSigner
PublicKey = SSlibKey

_MAKE = "make one with `(umask 077; openssl genpkey -algorithm ed25519 -out FILE)`"
_OTHERS = 0o077
_OWNER_ONLY = 0o700


def folder() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "drillproof" / "keys"


def signer(path: Path | None = None, say: Callable[[str], None] = lambda _: None) -> PrivateKey:
    """The private key in the PEM file `path`, or the user's own, which is created and reported if there is none.

    Misconfigured if it cannot be read or created, or if others may read it.
    """
    return _read(path) if path else _own(folder() / "own.key", say)


def fresh() -> PrivateKey:
    return _signer(Ed25519PrivateKey.generate())


def known() -> Mapping[str, str]:
    """The file of every key that is known here, by fingerprint. Misconfigured names a file that holds none."""
    return {fingerprint(path): path.name for path in sorted(folder().glob("*.pub"))}


def believed(*more: PrivateKey) -> Mapping[str, PublicKey]:
    """Every public key that is known here, and those of `more`, by fingerprint. Misconfigured names a wrong file."""
    found = [*map(_public_in, sorted(folder().glob("*.pub"))), *(key.public_key for key in more)]
    return {key.keyid: key for key in found}


def fingerprint(word: str | Path) -> str:
    """The fingerprint of the public key in a PEM file, or the word itself if it is one. Misconfigured if neither."""
    if re.fullmatch(r"[0-9a-f]{64}", str(word)):
        return str(word)
    return _public_in(Path(word)).keyid


def parse(data: bytes) -> PublicKey:
    """The Ed25519 public key in `data`, which is PEM. ValueError if that is none."""
    try:
        key = load_pem_public_key(data)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("is another key than Ed25519")  # noqa: TRY004 # the type is the file's, not the caller's
    return _public(key)


def parse_exactly(data: bytes) -> PublicKey:
    """The public key in the exact output of `pem`; ValueError for any other text of the same key."""
    key = parse(data)
    if pem(key) != data:
        raise ValueError("is no Ed25519 public key in PEM, as drillproof writes it")
    return key


def pem(key: PublicKey) -> bytes:
    """A public key as it is written to files, and in no other way."""
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.keyval["public"]))
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _public_in(path: Path) -> PublicKey:
    try:
        return parse(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{path} is no fingerprint and no file with an Ed25519 public key in PEM") from error


def _read(path: Path) -> PrivateKey:
    try:
        if path.stat().st_mode & _OTHERS:
            raise Misconfigured(f"others may read the private key {path}; `chmod 600 {path}`")
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise Misconfigured(f"cannot read the private key {path}: {error.strerror}; {_MAKE}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Misconfigured(f"{path} holds no private key in PEM without a passphrase; {_MAKE}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Misconfigured(f"{path} holds another private key than Ed25519; {_MAKE}")
    return _signer(key)


def _own(path: Path, say: Callable[[str], None]) -> PrivateKey:
    public = path.with_suffix(".pub")
    try:
        missing = not path.exists()
        if missing:
            _make(path)
        key = _read(path)
        if not public.exists():
            public.write_bytes(pem(key.public_key))
    except OSError as error:
        why = f"cannot make a key in {path.parent}: {error.strerror}"
        raise Misconfigured(f"{why}; name one with --key, or set XDG_CONFIG_HOME to another folder") from error
    if missing:
        say(f"made the key that signs what is drilled here: {key.public_key.keyid} ({public})")
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=_OWNER_ONLY)
    with tempfile.NamedTemporaryFile(dir=path.parent) as file:  # for its owner alone from the first moment
        file.write(fresh().private_bytes)
        file.flush()
        with contextlib.suppress(FileExistsError):  # another drill was faster: its key is the one
            path.hardlink_to(file.name)


def _signer(key: Ed25519PrivateKey) -> PrivateKey:
    return CryptoSigner(key, _public(key.public_key()))


def _public(key: Ed25519PublicKey) -> PublicKey:
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return SSlibKey.from_crypto(key, keyid=hashlib.sha256(der).hexdigest())
