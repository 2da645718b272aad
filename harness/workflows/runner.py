"""One drill from what was asked to what it told, however it ends: run, judge, render."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from harness import reports
from harness.checks import judge
from harness.core.errors import HarnessError, Interrupted, Misconfigured, Unreadable
from harness.core.model import Event, Verdict
from harness.core.redaction import redact_bytes
from harness.evidence import journal
from harness.evidence.signing import attestation, keys
from harness.evidence.signing.keys import PrivateKey
from harness.reports import RunView
from harness.workflows.drill.request import Options
from harness.workflows.progress import Progress


class Asked(Protocol):
    """What of a drill, or of a proof, as it was asked for is known here."""

    @property
    def runs(self) -> Path: ...
    @property
    def key(self) -> Path | None: ...


O_contra = TypeVar("O_contra", bound=Asked, contravariant=True)


class SiteOf(Protocol[O_contra]):
    """Where drills run one after the other: see `Site` in workflows/drill, or a proof."""

    def drill(self, options: O_contra, on_event: Progress, say: Callable[[str], None]) -> Path:
        """Run one drill, and return its run directory."""

    def settle(self, run: Path, verdict: Verdict) -> None:
        """Say what the last drill came to."""

    def secrets(self) -> frozenset[str]:
        """What must be in no file of a run."""


Site = SiteOf[Options]


def conduct(options: O_contra, progress: Progress, site: SiteOf[O_contra]) -> RunView:
    """Run one drill, telling `progress`, and return its story. A run that was begun is always judged and rendered.

    Misconfigured goes through; so does HarnessError where no run was begun. Interrupted is raised
    once the interrupted run has been rendered, and names it. A traceback goes to error.txt.
    """
    signer = keys.signer(options.key, progress.say)
    if isinstance(options, Options):  # of proofs no past run tells how long they take
        progress.expect(options)
    try:
        run = site.drill(options, progress, progress.say)
    except Misconfigured:
        raise
    except (KeyboardInterrupt, Interrupted) as error:
        begun = _begun(options.runs, progress.first)
        if begun is None:
            raise Interrupted("interrupted before the drill began") from error
        conclude(begun, signer)
        raise Interrupted(f"interrupted; what there is of the drill is in {begun}") from error
    except Exception as error:
        begun = _begun(options.runs, progress.first)
        kept = keep_traceback(begun or options.runs, site.secrets())
        if begun is None:
            trouble = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
            raise HarnessError(f"{trouble}{kept}") from error
        run = begun
    story = conclude(run, signer)
    site.settle(run, story.verdict)
    return story


def finish(run: Path, key: Path | None = None) -> RunView:
    """Judge the run directory again and render it; sign what was concluded if its evidence is signed.

    `key` is a private key, the user's own if None. HarnessError where the directory cannot be written.
    """
    with _written(run):
        judge.recheck(run)
        return _concluded(run, _signer(run, key))


def show(run: Path, key: Path | None = None) -> RunView:
    """Render a run directory again, and sign that as `finish` does.

    HarnessError if its findings.json disagrees with a re-evaluation of its evidence.
    """
    if not judge.is_current(run):
        raise HarnessError(
            f"{run}/findings.json differs from a re-evaluation: it was edited, or an older version wrote it; "
            f"`drillproof recheck {run.name}` evaluates the run again"
        )
    return finish(run, key)


def keep_traceback(folder: Path, secrets: frozenset[str] = frozenset()) -> str:
    """Write the exception being handled to `folder`/error.txt, and say where it is; "" if that cannot be.

    None of `secrets` is written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "error.txt").write_bytes(
            redact_bytes(traceback.format_exc().encode(errors="backslashreplace"), secrets)
        )
    except OSError:
        return ""
    return f" (more in {folder / 'error.txt'})"


def conclude(run: Path, signer: PrivateKey) -> RunView:
    """Sign what the drill left, before anything is concluded from it; then judge and render it."""
    with _written(run):
        attestation.sign_evidence(run, signer)
        judge.recheck(run)
        return _concluded(run, signer)


def _concluded(run: Path, signer: PrivateKey | None) -> RunView:
    story = reports.render(run)
    if signer is not None:
        figures = {name: story.judged.get(name) for name in ("rto_s", "rpo_s", "rpo_writes")}
        attestation.sign_verdict(run, signer, story.verdict, {"scenario": story.scenario, **figures})
    return story


def _signer(run: Path, key: Path | None) -> PrivateKey | None:
    """Who signs what is concluded; nobody where the drill itself signed nothing: that cannot be made good later."""
    if attestation.is_signed(run):
        return keys.signer(key)
    if key is not None:
        raise Misconfigured(f"{run} was not signed when its drill ended, and cannot be now; leave out --key")
    return None


@contextlib.contextmanager
def _written(run: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HarnessError(f"cannot write the evidence into {run}: {error.strerror}") from error


def _begun(runs: Path, first: Event | None) -> Path | None:
    """The run whose journal begins with the event that we were told of first; another's run is never ours."""
    if first is None:
        return None
    for path in sorted(runs.glob("*/journal.jsonl"), reverse=True):
        with contextlib.suppress(Unreadable, StopIteration):
            _, line = next(journal.json_lines(path))
            if (line.get("at"), line.get("at_s")) == (first.at, first.at_s):
                return path.parent.resolve()
    return None
