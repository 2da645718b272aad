"""A job: a drill or a proof that runs unattended. One attempt, from the lock to the notification.

Every attempt is recorded at its start and at its end, and reported. One that was skipped, stuck or died is never PASS,
and attempts that were missed before it are named.
"""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.campaigns import trend
from harness.campaigns.schedule import attempt as attempts
from harness.campaigns.schedule import attempt_log, prometheus
from harness.campaigns.schedule.archive import Archive
from harness.campaigns.schedule.attempt import Attempt
from harness.campaigns.schedule.attempt_log import Files, History
from harness.campaigns.schedule.notification import Webhook, headline, message, why
from harness.clusters.lock import Lock
from harness.core import durations, paths, process
from harness.core.errors import HarnessError, Interrupted
from harness.core.json import numbers
from harness.core.model import Verdict, worst
from harness.core.text import one_line
from harness.evidence import run_directory, run_view
from harness.evidence.before_reasons import expects_findings
from harness.evidence.run_view import RunView
from harness.evidence.signing import keys
from harness.evidence.signing.keys import PublicKey

FIGURES = ("rto_s", "rpo_s")  # of an attempt, see `Attempt.figures`
COMMANDS = ("run", "prove")  # commands that a job can run: they write runs, and exit with their verdict
GRACE_S = 900  # time for a stuck command to clean up: delete its cluster, judge its evidence. Then it is killed.
_WRONG_USAGE, _INTERRUPTED = 64, 130
_VERDICTS: Mapping[int | None, Verdict] = {0: Verdict.PASS, 1: Verdict.FAIL}


@dataclass(frozen=True)
class Job:
    name: str
    command: tuple[str, ...]
    folder: Path
    every: timedelta | None
    within: timedelta
    archive: Archive | None = None
    retain: timedelta | None = None  # how long the archive keeps evidence; None for no limit
    lock: str = ""  # see `archive.LOCKS`
    webhook: Webhook | None = None
    prometheus: Path | None = None
    key: Path | None = None  # the private key that signs; the user's own if None
    grace_s: float = GRACE_S
    target: str = ""  # see `Attempt.target`
    alone: bool = False  # Kubernetes starts no second pod of it: an attempt that did not end has died

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def attempts(self) -> Path:
        return self.folder / "attempts"


def attempt(job: Job, say: Callable[[str], None]) -> Attempt:
    """Run the job once, archive the result and report it.

    Misconfigured only if the attempt cannot be signed and recorded. Interrupted is raised once it was reported.
    """
    lock = Lock(job.folder / "lock")
    made = replace(attempts.begin(job.name, job.every, job.retain), target=job.target)
    try:
        with paths.writing(job.folder, "--folder"):
            alone = lock.try_acquire()
        keys.signer(job.key, say)
        if alone:
            return _alone(job, made, say)
        made = replace(made, how=attempts.SKIPPED, exit_code=2, after=_history(job).heads)
        return _end(job, made, (), say)
    finally:
        lock.release()


def exit_code(made: Attempt) -> int:
    """The exit code of an attempt: that of its command, unless its evidence is worse or was not archived."""
    if made.how in (attempts.REFUSED, attempts.INTERRUPTED):
        return _WRONG_USAGE if made.how == attempts.REFUSED else _INTERRUPTED
    code = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNKNOWN: 2}[made.verdict]
    return 2 if code == 0 and any(each.startswith("not archived") for each in made.troubles) else code


def _alone(job: Job, made: Attempt, say: Callable[[str], None]) -> Attempt:
    here = attempt_log.files(job.attempts)
    noted = {made.file: _save(job, made)}
    theirs: Files = {}
    trouble = ""
    if job.archive:
        try:
            theirs = _of_others(job, job.archive, here, noted)
        except HarnessError as error:
            trouble = str(error)
    found = attempt_log.history(job.name, (here, theirs), _known(job))
    begun = made.began - job.within - timedelta(seconds=job.grace_s)
    unended = [each for each in found.attempts if each.how == attempts.RUNNING]
    running = [each for each in unended if each.file not in here and each.began > begun and not job.alone]
    dead = [each for each in unended if each not in running]
    for each in dead:
        _note(job, replace(each, how=attempts.DIED, ended=made.began), say)  # the real end is not known
    lost = [f"the attempt of {each.began:%Y-%m-%d %H:%M} {attempts.HOW[attempts.DIED]}" for each in dead]
    late = attempts.overdue((each for each in found.attempts if each not in running), job.every, made.began)
    missed = "; ".join(filter(None, (*lost, late, found.doubt)))
    made = replace(made, missed=missed, after=_history(job, theirs).heads)
    if trouble:
        return _end(job, replace(made, how=attempts.REFUSED, exit_code=_WRONG_USAGE, detail=trouble), (), say)
    if any(each.order < made.order for each in running):  # of two that start together, the first one runs
        return _end(job, replace(made, how=attempts.SKIPPED, exit_code=2), (), say)
    _note(job, made, say)
    _metrics(job)  # a problem is reported at the end, and must not stop the command
    return _ran(job, made, say)


def _of_others(job: Job, archive: Archive, here: Files, noted: Files) -> Files:
    """The attempts of other machines and pods in the archive; those `noted` here are uploaded first."""
    archive.open(write=True)
    for name, data in noted.items():
        archive.note(job.name, name, data)
    theirs = archive.attempts(job.name)
    for name in attempt_log.history(job.name, (here,), _known(job)).heads:
        if theirs.get(name) != here[name]:  # the upload failed when it ended
            archive.note(job.name, name, here[name])
    return {name: data for name, data in theirs.items() if name not in noted}


def _ran(job: Job, made: Attempt, say: Callable[[str], None]) -> Attempt:
    before = set(_runs(job.runs))
    last: deque[str] = deque(maxlen=1)

    def listen(line: str) -> None:
        say(line)
        if line.strip():
            last.append(one_line(line))

    interrupted = False
    code: int | None = None
    try:
        code = process.supervise(
            [sys.executable, "-P", "-m", "harness.cli", *job.command],
            within_s=job.within.total_seconds(),
            grace_s=job.grace_s,
            listen=listen,
            # This drillproof, the folder of its runs, and who signs them.
            env={
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                "DRILLPROOF_RUNS": str(job.runs.resolve()),
                "DRILLPROOF_WEBHOOK": "",
                **({"DRILLPROOF_KEY": str(job.key.resolve())} if job.key else {}),
            },
        )
    except KeyboardInterrupt:
        interrupted = True
    left = tuple(run_view.read(run) for run in _runs(job.runs) if run not in before)
    said = last[-1] if last else ""
    made = replace(made, runs=tuple(each.run.name for each in left), figures=_figures(left))
    if interrupted or code == _INTERRUPTED:
        made = replace(made, how=attempts.INTERRUPTED, exit_code=_INTERRUPTED, detail=said)
    elif code is None:
        limit = f"it ran longer than {durations.humanize(job.within)}; its last output: {said or 'none'}"
        made = replace(made, how=attempts.STUCK, exit_code=2, detail=limit)
    elif code == _WRONG_USAGE:
        made = replace(made, how=attempts.REFUSED, exit_code=code, detail=said)
    else:
        made = _judged(replace(made, how=attempts.ENDED, exit_code=code, detail=why(left)), left, said)
    made = _end(job, made, left, say)
    if interrupted:
        raise Interrupted(f"interrupted; the evidence of {job.name} is in {job.folder}")
    return made


def _figures(left: Sequence[RunView]) -> Mapping[str, float]:
    """RTO and RPO, the worst of all runs."""
    known = [numbers(each.judged) for each in left if not expects_findings(each.facts)]
    return {
        name: max(each[name] for each in known if name in each) for name in FIGURES if any(name in k for k in known)
    }


def _judged(made: Attempt, left: Sequence[RunView], said: str) -> Attempt:
    """Compare the exit code with the evidence; the worse of the two counts."""
    verdict = worst([_VERDICTS.get(made.exit_code, Verdict.UNKNOWN), *(each.verdict for each in left)])
    if not left and verdict is not Verdict.UNKNOWN:
        return replace(made, verdict=Verdict.UNKNOWN, detail=f"exit code {made.exit_code} without a run: {said}")
    return replace(made, verdict=verdict, detail=made.detail or ("" if verdict is Verdict.PASS else said))


def _end(job: Job, made: Attempt, left: Sequence[RunView], say: Callable[[str], None]) -> Attempt:
    made = replace(made, ended=datetime.now(UTC))
    if job.archive and made.how not in (attempts.SKIPPED, attempts.REFUSED):
        made = replace(made, troubles=tuple(_keep(job, job.archive, made, left)))
    if job.webhook:
        place = job.archive.place.name if job.archive else ""
        try:
            job.webhook.send(message(left, made, place))
        except HarnessError as error:
            made = replace(made, troubles=(*made.troubles, f"not notified: {error}"))
    _note(job, made, say)
    made = replace(made, troubles=(*made.troubles, *_metrics(job)))
    for trouble in made.troubles:
        say(trouble)
    say(headline(left, made))
    return made


def _keep(job: Job, archive: Archive, made: Attempt, left: Sequence[RunView]) -> Iterable[str]:
    """Upload the runs, and delete expired ones. Returns the problems."""
    for each in left:
        try:
            archive.put(each.run, job.retain, job.lock)
        except HarnessError as error:
            yield f"not archived: {each.run.name}: {error}"
    if job.retain:
        try:
            yield from (f"in the archive: {each}" for each in archive.prune(datetime.now(UTC)).problems)
            kept = attempt_log.history(job.name, (archive.attempts(job.name),), _known(job)).attempts
            for old in kept[:-1]:
                if old.began < made.began - job.retain:
                    archive.forget(job.name, old.file)
        except HarnessError as error:
            yield f"in the archive: {error}"


def _note(job: Job, made: Attempt, say: Callable[[str], None]) -> None:
    data = _save(job, made)
    if job.archive:
        try:
            job.archive.note(job.name, made.file, data)
        except HarnessError as error:
            say(f"not archived: attempt {made.name}: {error}")


def _save(job: Job, made: Attempt) -> bytes:
    return attempt_log.save(job.attempts, made, keys.signer(job.key))


def _history(job: Job, theirs: Files | None = None) -> History:
    return attempt_log.history(job.name, (attempt_log.files(job.attempts), theirs or {}), _known(job))


def _known(job: Job) -> Mapping[str, PublicKey]:
    return keys.believed(keys.signer(job.key))


def _metrics(job: Job) -> tuple[str, ...]:
    if job.prometheus:
        job.runs.mkdir(parents=True, exist_ok=True)
        try:
            runs = trend.trend(job.runs, _known(job), scenarios=())
            prometheus.write(job.prometheus, prometheus.Metrics(runs, job.name, _history(job)))
        except HarnessError as error:
            return (f"metrics not written: {error}",)
    return ()


def _runs(folder: Path) -> tuple[Path, ...]:
    return run_directory.inside(folder, "run.json") if folder.is_dir() else ()
