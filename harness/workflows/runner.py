"""One run from request to signed verdict, however it ends: run, sign the evidence, judge, render, sign the verdict."""

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path

from harness import reports
from harness.checks import judge
from harness.core.errors import HarnessError, Interrupted, Misconfigured, Unreadable
from harness.core.model import Event
from harness.core.redaction import redact_bytes
from harness.evidence import journal
from harness.evidence.signing import attestation, keys
from harness.evidence.signing.keys import PrivateKey
from harness.reports import RunView
from harness.workflows.progress import Progress
from harness.workflows.session import OptionsT, Session


def execute(options: OptionsT, progress: Progress, session: Session[OptionsT]) -> RunView:
    """Run one drill, proof or migration. A run that has started is always judged, rendered and signed.

    Misconfigured is raised as it is, and HarnessError if no run has started. Interrupted is raised after the
    interrupted run was rendered, and names it. A traceback goes to error.txt.
    """
    signer = keys.signer(options.key, progress.say)
    progress.expect(options)
    try:
        run = session.drill(options, progress)
    except Misconfigured:
        raise
    except (KeyboardInterrupt, Interrupted) as error:
        begun = _begun(options.runs, progress.first)
        if begun is None:
            raise Interrupted("interrupted before the run started") from error
        conclude(begun, signer)
        raise Interrupted(f"interrupted; the evidence so far is in {begun}") from error
    except Exception as error:
        begun = _begun(options.runs, progress.first)
        kept = keep_traceback(begun or options.runs, session.secrets())
        if begun is None:
            trouble = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
            raise HarnessError(f"{trouble}{kept}") from error
        run = begun
    view = conclude(run, signer)
    session.settle(run, view.verdict)
    return view


def conclude(run: Path, signer: PrivateKey) -> RunView:
    """Sign the evidence, then judge it, render the reports and sign the verdict."""
    with _written(run):
        attestation.sign_evidence(run, signer)
        judge.recheck(run)
        return _rendered(run, signer)


def finish(run: Path, key: Path | None = None, *, require_current: bool = False) -> RunView:
    """Judge and render a run directory again, and sign the verdict if its evidence is signed.

    `key` is a private key; the user's own if None. HarnessError if the directory is not writable, and with
    `require_current` if its findings.json disagrees with a re-evaluation of its evidence.
    """
    with _written(run):
        judge.recheck(run, require_current=require_current)
        return _rendered(run, _signer(run, key))


def keep_traceback(folder: Path, secrets: frozenset[str] = frozenset()) -> str:
    """Write the current exception to `folder`/error.txt without `secrets`; return where, or "" on failure."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "error.txt").write_bytes(
            redact_bytes(traceback.format_exc().encode(errors="backslashreplace"), secrets)
        )
    except OSError:
        return ""
    return f" (more in {folder / 'error.txt'})"


def _rendered(run: Path, signer: PrivateKey | None) -> RunView:
    view = reports.render(run)
    if signer is not None:
        figures = {name: view.judged.get(name) for name in ("rto_s", "rpo_s", "rpo_writes")}
        attestation.sign_verdict(run, signer, view.verdict, {"scenario": view.scenario, **figures})
    return view


def _signer(run: Path, key: Path | None) -> PrivateKey | None:
    """The key for the verdict; None if the evidence is unsigned, because it can only be signed when the run ends."""
    if attestation.is_signed(run):
        return keys.signer(key)
    if key is not None:
        raise Misconfigured(f"{run} was not signed when it ended, and cannot be signed now; leave out --key")
    return None


@contextlib.contextmanager
def _written(run: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HarnessError(f"cannot write the evidence into {run}: {error.strerror}") from error


def _begun(runs: Path, first: Event | None) -> Path | None:
    """The run whose journal starts with the first event of this process; None if there is none."""
    if first is None:
        return None
    for path in sorted(runs.glob("*/journal.jsonl"), reverse=True):
        with contextlib.suppress(Unreadable, StopIteration):
            _, line = next(journal.json_lines(path))
            if (line.get("at"), line.get("at_s")) == (first.at, first.at_s):
                return path.parent.resolve()
    return None
