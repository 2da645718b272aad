"""Removes secrets from text, in every encoding in which they may appear.

A document is redacted by its strings, before they are encoded as JSON: an escaped quote does not hide a secret, and a
password `true` does not change a flag. Fields that hold the program's own words stay: a password may be such a word.

Text that others wrote (logs, tracebacks) is searched for the plain secret, its percent-encoding, base64, and the
escapes of JSON, Go, Python, YAML, shells and HTML.
"""

import base64
import functools
import html
import re
import string
from collections.abc import Collection, Iterable, Iterator, Mapping

from harness.core.model import Json

REDACTED = b"[redacted]"
_SHORTEST = 8  # shorter pieces of base64 would be found where no secret is
_SHORTEST_LINE = 16  # shorter lines of a longer secret are words that others use, too
_LITERAL = frozenset((string.ascii_letters + string.digits).encode())  # bytes that no encoding but base64 changes
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_NAMED = {"\n": "n", "\r": "r", "\t": "t", "\a": "a", "\b": "b", "\f": "f", "\v": "v", "\x1b": "e"}


def redact_bytes(text: bytes, secrets: frozenset[str]) -> bytes:
    for form in _searched(secrets):
        text = text.replace(form, REDACTED) if isinstance(form, bytes) else form.sub(REDACTED, text)
    return text


def redact_document(data: Mapping[str, Json], secrets: Iterable[str], own: Collection[str] = ()) -> dict[str, Json]:
    """A document without `secrets` in its strings. Keys, numbers, flags and nulls stay.

    The fields `own` hold the program's own words, and stay with all below them: `when`, `volumes.phase` (of each entry
    of a list), or `answer=refused` for one word only.
    """
    unwanted = frozenset(secrets)

    def clean(value: Json, path: str) -> Json:
        if path in own:
            return value
        if isinstance(value, str):
            return value if f"{path}={value}" in own else _redact_text(value, unwanted)
        if isinstance(value, list | tuple):
            return [clean(each, path) for each in value]
        if isinstance(value, Mapping):
            return {key: clean(each, f"{path}.{key}") for key, each in value.items()}
        return value

    return {key: clean(value, key) for key, value in data.items()}


def _redact_text(text: str, secrets: frozenset[str]) -> str:
    raw = text.encode(errors="surrogatepass")
    clean = redact_bytes(raw, secrets)
    return text if clean == raw else clean.decode(errors="surrogatepass")


@functools.lru_cache(maxsize=4)
def _searched(secrets: frozenset[str]) -> tuple[bytes | re.Pattern[bytes], ...]:
    """What to search for, the longest first, so that no part of a longer one remains."""
    wanted = {piece for secret in secrets for piece in _pieces(secret)}
    plain = {piece.encode(errors="surrogatepass") for piece in wanted}
    once = {base64.b64encode(text) for text in plain}
    encoded = {form for text in plain | once for form in _base64(text)}
    forms = sorted({*wanted, *(form.decode() for form in encoded)}, key=lambda form: (-len(form), form))
    return tuple(map(_search, forms))


def _search(form: str) -> bytes | re.Pattern[bytes]:
    raw = form.encode(errors="surrogatepass")
    if _LITERAL.issuperset(raw):
        return raw
    return re.compile(b"".join(map(_written, re.findall(r"\\+|.", form, re.DOTALL))))


def _pieces(secret: str) -> Iterator[str]:
    """A secret, and each long line of one with many: logs and YAML indent lines, or put something before them."""
    if secret:
        yield secret
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _SHORTEST_LINE and not line.startswith("-----"))


def _written(character: str) -> bytes:
    """A pattern for every way to write one character, or a run of backslashes; text may be quoted more than once."""
    raw = character.encode(errors="surrogatepass")
    if _LITERAL.issuperset(raw):
        return raw
    code, times = ord(character[0]), len(character)
    single = character[0].encode(errors="surrogatepass")
    units = character[0].encode("utf-16-be", errors="surrogatepass")
    byte_by_byte = b"".join(rb"(?:%%(?:25)*%02x|\\{1,8}x%02x|\\{1,8}%03o)" % (byte, byte, byte) for byte in single)
    forms = [
        byte_by_byte,
        b"".join(rb"\\{1,8}u%02x%02x" % (units[at], units[at + 1]) for at in range(0, len(units), 2)),
        rb"\\{1,8}U%08x" % code,
        rb"\\{1,8}x%02x" % code,
        b"&#x0*%x;" % code,
        b"&#0*%d;" % code,
    ]
    if character in _NAMED:
        forms.append(rb"\\{1,8}" + _NAMED[character].encode())
    if character == "\n":
        forms.append(rb"\r?\n[ \t]{0,80}")
    if character == " ":
        forms.append(rb"\+")
    if (entity := html.escape(character)) != character:
        forms.append(re.escape(entity.encode()))
    plain = rb"\\{%d,%d}" % (times, 8 * times) if character[0] == "\\" else rb"\\{0,8}" + re.escape(raw)
    return b"(?:" + plain + b"|(?i:" + b"|".join(forms) + (b"){%d})" % times)


def _base64(secret: bytes) -> Iterator[bytes]:
    text = base64.b64encode(secret)
    yield text
    yield text.translate(_URL_SAFE)
    # In the middle of something else, as `user:secret` in a header: three bytes are four letters of base64, so it
    # depends on what comes before. What is at its edges is mixed with that, and stays.
    for before in range(3):
        text = base64.b64encode(bytes(before) + secret)
        end = (before + len(secret)) % 3
        core = text[(0, 2, 3)[before] : len(text) - (0, 3, 2)[end]]
        if len(core) >= _SHORTEST:
            yield core
            yield core.translate(_URL_SAFE)
