"""Commands that send runs elsewhere, and get them back: `notify`, `upload` and `download`."""

from datetime import UTC, datetime
from pathlib import Path

import typer

from harness.cli import options, output
from harness.core import paths
from harness.core.errors import HarnessError, Misconfigured


@options.command("notify")
def notify(
    webhook: options.Webhook, run: str = "latest", runs: Path = options.RUNS, prometheus: Path | None = None
) -> int:
    from harness.campaigns import trend
    from harness.campaigns.schedule import prometheus as metrics
    from harness.campaigns.schedule import webhook as webhooks
    from harness.campaigns.schedule.notification import message
    from harness.checks.trust import believed
    from harness.evidence import run_directory
    from harness.evidence.signing import keys

    hook = webhooks.parse(**vars(webhook))
    if not hook and not prometheus:
        raise Misconfigured("name a webhook with --webhook, or a file with --prometheus")
    if prometheus:
        metrics.require_writable(prometheus)
    path = run_directory.find(runs, run)
    judged = believed(path)
    if prometheus:
        found = trend.trend(path.parent, keys.known(), scenarios=())
        metrics.write(prometheus, metrics.Metrics(found))
    if hook:
        hook.send(message([judged]))
    return output.EXIT_CODES[judged.verdict]


@options.command("upload")
def upload(
    bucket: options.Bucket,
    retention: options.Retention,
    evidence: options.Evidence,
    run: str = "latest",
    as_json: bool = False,
) -> int:
    from harness.campaigns.schedule import request
    from harness.evidence import run_directory

    retain = request.retention(**vars(retention))
    archive = request.archive("--bucket", **vars(bucket), write=True, key=evidence.key)
    archive.open(write=True)
    path = run_directory.find(evidence.runs, run)
    new = archive.put(path, retain, retention.lock)
    pruned = archive.prune(datetime.now(UTC))
    name = archive.place.name
    lines = [
        f"{name}: {path.name} {'uploaded' if new else 'is already in the archive'}",
        *(f"expired, deleted: {each}" for each in pruned.removed),
        *(f"expired, kept as the newest of its series: {each}" for each in pruned.spared),
    ]
    output.result({"archive": name, "run": path.name, "new": new, **vars(pruned)}, lines, as_json=as_json)
    for each in () if as_json else pruned.problems:
        typer.echo(each, err=True)
    return 0


@options.command("download")
def download(bucket: options.Bucket, into: Path = Path("reports/fetched"), as_json: bool = False) -> int:
    from harness.campaigns.schedule import request

    archive = request.archive("--bucket", **vars(bucket))
    archive.open(write=False)
    entries, problems = archive.entries()
    new: list[str] = []
    doubts = list(problems)
    with paths.writing(into, "--into"):
        into.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        try:
            if archive.fetch(entry, into):
                new.append(entry.run)
        except HarnessError as error:
            doubts.append(str(error))
    document = {"into": into, "runs": [each.run for each in entries], "new": new, "problems": doubts}
    line = f"{into}: {len(entries)} runs in the archive, {len(new)} of them new here"
    output.result(document, (line,), as_json=as_json)
    if doubts:
        raise HarnessError(f"not downloaded, because it is not trusted: {'; '.join(doubts)}")
    return 0
