"""Checks a user's value against the accepted ones, and suggests the closest."""

import difflib
import re
from collections.abc import Iterable, Sequence

from harness.core.errors import Misconfigured

IMAGES = ("auto", "pull", "build")

ITEM_BLOCK_WORKERS = 4
"""How many item blocks (a pod with its claims) Velero backs up at once. Velero's own default is 1."""

_CLUSTER = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")

_MIRROR = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._/-]+)?")


def choose(what: str, word: str, known: Iterable[str]) -> str:
    """`word` if it is accepted; else Misconfigured, with the accepted words and the closest one."""
    names = tuple(known)
    if word in names:
        return word
    close = difflib.get_close_matches(word, names, n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    raise Misconfigured(f"unknown {what} {word!r}; {meant}known: {', '.join(names) or 'none'}")


def choose_all(what: str, words: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The accepted words of a list, whose items may be comma-separated lists, in the order of `known`."""
    asked = {choose(what, word.strip(), known) for each in words for word in each.split(",")}
    return tuple(name for name in known if name in asked)


def cluster_name(name: str) -> str:
    """`name` if a kind cluster of drillproof may have it; else Misconfigured."""
    if not _CLUSTER.fullmatch(name):
        raise Misconfigured(f"{name!r} is not a valid cluster name: use up to 32 of a-z, 0-9 and -, no - at the ends")
    return name


def registry(host: str) -> str:
    """`host` if it is a registry's host, with an optional port and path; else Misconfigured."""
    if not _MIRROR.fullmatch(host):
        raise Misconfigured(
            f"--mirror {host!r} is not a registry; write HOST, HOST:PORT or HOST/PATH, without https://"
        )
    return host
