"""What verifying came to, in words. Whole is one thing, from somebody known another; only both are good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.core.model import Json
from harness.evidence.signing.attestation import Signature, Verified

_MOST = 5


def lines(found: Verified, known: Mapping[str, str]) -> Iterator[str]:
    """Each signature that holds, and what it says; `known` are the keys that are believed, and where they are from."""
    if found.evidence:
        run = found.evidence.said.get("run")
        yield f"evidence: {len(found.evidence.files)} files of {run}, {_signed(found.evidence, known)}"
    if found.verdict:
        said = found.verdict.said
        words = [f"{said.get('verdict')}".upper(), f"{said.get('scenario')}"]
        words += [f"{name} {said[name]}" for name in ("rto_s", "rpo_s", "rpo_writes") if said.get(name) is not None]
        yield f"verdict: {', '.join(words)}; {len(found.verdict.files)} files, {_signed(found.verdict, known)}"
    yield from found.problems


def doubt(path: Path, found: Verified, known: Mapping[str, str]) -> str:
    """Why it is not good, in one line; "" if it is."""
    if found.problems:
        more = f"; and {len(found.problems) - _MOST} more" if len(found.problems) > _MOST else ""
        return f"{path} is not what was signed: {'; '.join(found.problems[:_MOST])}{more}"
    strangers = [key for key in _keys(found) if key not in known]
    if strangers:
        ask = "ask who made it for its key's fingerprint, and say it with --key"
        return f"{path} is whole, but signed by {', '.join(strangers)} (not known here), which anybody can do; {ask}"
    return ""


def document(path: Path, found: Verified, known: Mapping[str, str]) -> dict[str, Json]:
    """The same as JSON."""
    return {
        "path": str(path),
        "good": not doubt(path, found, known),
        "problems": list(found.problems),
        "evidence": _signature(found.evidence, known),
        "verdict": _signature(found.verdict, known),
    }


def _keys(found: Verified) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.key for each in (found.evidence, found.verdict) if each))


def _signed(signature: Signature, known: Mapping[str, str]) -> str:
    whose = f"known: {known[signature.key]}" if signature.key in known else "not known here"
    return f"signed {signature.said.get('signedAt')} by {signature.key} ({whose})"


def _signature(signature: Signature | None, known: Mapping[str, str]) -> Json:
    if signature is None:
        return None
    return {"key": signature.key, "known": signature.key in known, "files": len(signature.files), **signature.said}
