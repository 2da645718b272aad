"""A job: a drill or a proof that runs by itself. One attempt, from the lock to what is told.

Whatever happens to an attempt is written down before and after it, told, and never green: that it was skipped since
the one before is still under way, that it got stuck and was stopped, that it died, that others before it were missed.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness import rundir, shell
from harness.clusters.lock import Lock
from harness.errors import HarnessError, Interrupted, Misconfigured
from harness.evidence import story
from harness.evidence.story import Story
from harness.evidence.visible import one_line
from harness.matrix import trend
from harness.model import Verdict, worst
from harness.signing import keys
from harness.unattended import attempt as attempts
from harness.unattended import prometheus, span
from harness.unattended.archive import Archive
from harness.unattended.attempt import Attempt
from harness.unattended.message import headline, message, why
from harness.unattended.webhook import Webhook

COMMANDS = ("run", "prove")
"""What can be a job: commands that leave runs, and end with their verdict."""

GRACE_S = 900
"""For so long a stuck command may clean up: take its cluster down, judge what there is. Then it is killed."""

_WRONG_USAGE, _INTERRUPTED = 64, 130
_VERDICTS: Mapping[int | None, Verdict] = {0: Verdict.PASS, 1: Verdict.FAIL}


@dataclass(frozen=True)
class Keeping:
    """Where evidence is kept, and for how long."""

    archive: Archive
    retain: timedelta | None
    lock: str = ""  # see `archive.LOCKS`


@dataclass(frozen=True)
class Job:
    """A job as the user wants it; all words checked already."""

    name: str
    command: tuple[str, ...]
    folder: Path
    every: timedelta | None
    within: timedelta
    keeping: Keeping | None = None
    webhook: Webhook | None = None
    prometheus: Path | None = None
    key: Path | None = None  # the private key that signs; the user's own if None
    grace_s: float = GRACE_S

    @property
    def runs(self) -> Path:
        """The folder of its runs."""
        return self.folder / "runs"

    @property
    def attempts(self) -> Path:
        """The folder of its attempts."""
        return self.folder / "attempts"


def attempt(job: Job, say: Callable[[str], None]) -> Attempt:
    """Run the job once, keep and tell what came of it. Misconfigured only where not even that can be written down.

    Interrupted goes through once it is told.
    """
    lock = Lock(job.folder / "lock")
    made = attempts.begin(job.name, job.every)
    try:
        if _take(lock):
            return _alone(job, made, say)
        return _end(job, replace(made, how=attempts.SKIPPED, exit_code=2), (), say)
    finally:
        lock.drop()


def exit_code(made: Attempt) -> int:
    """What the attempt ends with: its command's exit code, unless its evidence says worse or was not kept."""
    if made.how in (attempts.REFUSED, attempts.INTERRUPTED):
        return _WRONG_USAGE if made.how == attempts.REFUSED else _INTERRUPTED
    code = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNKNOWN: 2}[made.verdict]
    return 2 if code == 0 and any(each.startswith("not kept") for each in made.troubles) else code


def _take(lock: Lock) -> bool:
    try:
        lock.take("")
    except Misconfigured:
        return False
    except OSError as error:
        raise Misconfigured(f"cannot write {error.filename}: {error.strerror}; choose another with --folder") from error
    return True


def _alone(job: Job, made: Attempt, say: Callable[[str], None]) -> Attempt:
    """The attempt while nobody else on this machine makes one of this job."""
    before = list(attempts.saved(job.attempts))
    attempts.save(job.attempts, made)
    running: list[Attempt] = []
    trouble = ""
    if job.keeping:
        try:
            others = _of_others(job.keeping.archive, made, before)
        except HarnessError as error:
            trouble = str(error)
        else:
            begun = made.began - job.within - timedelta(seconds=job.grace_s)
            running = [each for each in others if each.how == attempts.RUNNING and each.began > begun]
            before += (each for each in others if each not in running)
    dead = [each for each in before if each.how == attempts.RUNNING]
    for each in dead:
        _note(job, replace(each, how=attempts.DIED, ended=made.began), say)  # when it was found; its end nobody knows
    lost = [f"the attempt of {each.began:%Y-%m-%d %H:%M} {attempts.HOW[attempts.DIED]}" for each in dead]
    made = replace(made, missed="; ".join(filter(None, (*lost, attempts.overdue(before, job.every, made.began)))))
    if trouble:
        return _end(job, replace(made, how=attempts.REFUSED, exit_code=_WRONG_USAGE, detail=trouble), (), say)
    if any(each.name < made.name for each in running):  # of two that begin at once the first one runs
        return _end(job, replace(made, how=attempts.SKIPPED, exit_code=2), (), say)
    _note(job, made, say)
    _metrics(job)
    return _ran(job, made, say)


def _of_others(archive: Archive, made: Attempt, here: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """The attempts that were made on other machines, or in other pods; ours is first made known to them."""
    archive.open(write=True)
    archive.note(made)
    ours = {made.name, *(each.name for each in here)}
    return tuple(each for each in archive.attempts(made.job) if each.name not in ours)


def _ran(job: Job, made: Attempt, say: Callable[[str], None]) -> Attempt:
    """Run the command, and see what it left."""
    before = set(_runs(job.runs))
    last: deque[str] = deque(maxlen=1)

    def listen(line: str) -> None:
        say(line)
        if line.strip():
            last.append(one_line(line))

    interrupted = False
    code: int | None = None
    try:
        code = shell.supervise(
            [sys.executable, "-P", "-m", "harness.cli", *job.command],
            within_s=job.within.total_seconds(),
            grace_s=job.grace_s,
            listen=listen,
            env=_env(job),
        )
    except KeyboardInterrupt:
        interrupted = True
    left = tuple(story.read(run) for run in _runs(job.runs) if run not in before)
    said = last[-1] if last else ""
    made = replace(made, runs=tuple(each.run.name for each in left))
    if interrupted or code == _INTERRUPTED:
        made = replace(made, how=attempts.INTERRUPTED, exit_code=_INTERRUPTED, detail=said)
    elif code is None:
        limit = f"it ran longer than {span.words(job.within)}; the last it said: {said or 'nothing'}"
        made = replace(made, how=attempts.STUCK, exit_code=2, detail=limit)
    elif code == _WRONG_USAGE:
        made = replace(made, how=attempts.REFUSED, exit_code=code, detail=said)
    else:
        made = _judged(replace(made, how=attempts.ENDED, exit_code=code, detail=why(left)), left, said)
    made = _end(job, made, left, say)
    if interrupted:
        raise Interrupted(f"interrupted; what there is of {job.name} is in {job.folder}")
    return made


def _judged(made: Attempt, left: Sequence[Story], said: str) -> Attempt:
    """Hold what the command ended with against the evidence that it left; the worse of the two counts."""
    verdict = worst([_VERDICTS.get(made.exit_code, Verdict.UNKNOWN), *(each.verdict for each in left)])
    if not left and verdict is not Verdict.UNKNOWN:
        return replace(made, verdict=Verdict.UNKNOWN, detail=f"exit code {made.exit_code}, and it left no run: {said}")
    return replace(made, verdict=verdict, detail=made.detail or ("" if verdict is Verdict.PASS else said))


def _end(job: Job, made: Attempt, left: Sequence[Story], say: Callable[[str], None]) -> Attempt:
    """Keep what it left, write down how it ended, and tell it."""
    made = replace(made, ended=datetime.now(UTC).replace(microsecond=0))
    if job.keeping and made.how not in (attempts.SKIPPED, attempts.REFUSED):
        made = replace(made, troubles=tuple(_keep(job.keeping, job.name, left)))
    if job.webhook:
        place = job.keeping.archive.place.name if job.keeping else ""
        try:
            job.webhook.send(message(left, made, place))
        except HarnessError as error:
            made = replace(made, troubles=(*made.troubles, f"not told: {error}"))
    _note(job, made, say)
    try:
        _metrics(job)
    except HarnessError as error:
        made = replace(made, troubles=(*made.troubles, f"not told: {error}"))
    for trouble in made.troubles:
        say(trouble)
    say(headline(left, made))
    return made


def _keep(keeping: Keeping, job: str, left: Sequence[Story]) -> Iterable[str]:
    """Put the runs into the archive, and take out of it what is past its time. Returns what went wrong."""
    for each in left:
        try:
            keeping.archive.put(each.run, keeping.retain, keeping.lock)
        except HarnessError as error:
            yield f"not kept: {each.run.name}: {error}"
    if keeping.retain:
        try:
            now = datetime.now(UTC)
            yield from (f"in the archive: {each}" for each in keeping.archive.prune(now).problems)
            keeping.archive.forget(keeping.archive.attempts(job), now - keeping.retain)
        except HarnessError as error:
            yield f"in the archive: {error}"


def _note(job: Job, made: Attempt, say: Callable[[str], None]) -> None:
    attempts.save(job.attempts, made)
    if job.keeping:
        try:
            job.keeping.archive.note(made)
        except HarnessError as error:
            say(f"not kept: attempt {made.name}: {error}")


def _metrics(job: Job) -> None:
    if job.prometheus:
        job.runs.mkdir(parents=True, exist_ok=True)
        known = {*keys.known(), keys.signer(job.key).public_key.keyid}
        runs = trend.trend(job.runs, known, scenarios=())
        prometheus.write(job.prometheus, prometheus.render(runs, job.name, attempts.saved(job.attempts)))


def _env(job: Job) -> dict[str, str]:
    """What the command finds in its environment: this very drillproof, where its runs go, who signs them."""
    ours = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    signer = {"DRILLPROOF_KEY": str(job.key.resolve())} if job.key else {}
    return {**ours, **signer, "DRILLPROOF_RUNS": str(job.runs.resolve()), "DRILLPROOF_WEBHOOK": ""}


def _runs(folder: Path) -> tuple[Path, ...]:
    return rundir.inside(folder, "run.json") if folder.is_dir() else ()
