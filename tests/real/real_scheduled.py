"""By hand, on real clusters, one at a time: a backup in a bucket is proved by a timer's own command, kept and told.

    pytest -n 0 -s tests/real/real_scheduled.py

It needs an engine and the images built once (`make drill`), and some ten minutes. What a systemd unit says is run as
systemd runs it: in its folder, with its environment and no other.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from receiver import Receiver, listening
from schemas import wrong

from bench.prove import NAME as BACKUP
from bench.prove import back_up
from harness.backups.object_store import ObjectStore
from harness.cli import app as cli
from harness.clusters import local
from harness.clusters.kind import KindCluster
from harness.core import process
from harness.core.errors import ToolFailed
from harness.workflows.progress import Progress

SOURCE, PROVING = "sched-source", "sched-prove"
MEGABYTES = 20


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    """The bucket with a backup, and nothing else left of the cluster that it is of."""
    supplied = local.prepare("auto", None, print)
    source: KindCluster = supplied.cluster(SOURCE)
    try:
        source.up()
        back_up(source, supplied, MEGABYTES, Progress(print))
        source.down(keep_store=True)
        source.store.client().create_bucket(Bucket="evidence")
        yield source.store
    finally:
        source.down()


@dataclass(frozen=True)
class Machine:
    """Where the job runs: its folder, and what its units say."""

    home: Path
    unit: Mapping[str, tuple[str, ...]]

    def start(self, *more: str, last: tuple[str, ...] = ()) -> int:
        """Run the service once, as systemd would; `more` options for the job, `last` ones for its command."""
        words = tuple(shlex.split(self.unit["ExecStart"][0].replace("%%", "%").replace("$$", "$")))
        at = words.index("--")
        environment = dict(line.split("=", 1) for line in shlex.split(self.unit["Environment"][0].replace("%%", "%")))
        file = Path(self.unit["EnvironmentFile"][0])
        environment |= dict(line.split("=", 1) for line in file.read_text().splitlines())
        argv = ["env", "-i", f"--chdir={self.unit['WorkingDirectory'][0]}"]
        argv += [f"{name}={value}" for name, value in environment.items()]
        argv += [*words[:at], *more, *words[at:], *last]
        try:
            process.run(argv, within_s=3600)
        except ToolFailed as error:
            return error.exit_code
        return 0


@pytest.fixture(scope="module")
def told() -> Iterator[Receiver]:
    with listening() as found:
        yield found


@pytest.fixture(scope="module")
def machine(store: ObjectStore, told: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    home = tmp_path_factory.mktemp("machine")
    keys = f"aws_access_key_id={store.access_key}\naws_secret_access_key={store.secret_key}\n"
    (home / "credentials").write_text(f"[default]\n{keys}")
    (home / "webhook-secret").write_text("hush")
    (home / "env").write_text(
        f"DRILLPROOF_WEBHOOK={told.url}\nDRILLPROOF_WEBHOOK_SECRET={home}/webhook-secret\nHOME={Path.home()}\n"
        f"PYTHONPATH={Path(cli.__file__).parents[2]}\nXDG_CONFIG_HOME={home}/config\n"
    )
    place = [f"--endpoint={store.outside}", f"--credentials={home}/credentials"]
    kept = ["--archive=evidence/dr", f"--archive-endpoint={store.outside}", f"--archive-credentials={home}/credentials"]
    words = ["schedule", "systemd", "--name=weekly", "--every=weekly", "--within=1h", f"--folder={home}/scheduled"]
    words += [*kept, "--retain=90d", f"--prometheus={home}/weekly.prom", f"--environment={home}/env", f"--into={home}"]
    words += ["--", "prove", BACKUP, f"--bucket={store.bucket}", *place, f"--cluster={PROVING}"]
    assert cli.main(words) == 0
    unit: dict[str, list[str]] = {}
    for line in (home / "drillproof-weekly.service").read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            unit.setdefault(name, []).append(value)
    return Machine(home, {name: tuple(values) for name, values in unit.items()})


@pytest.fixture(autouse=True)
def keys_of_the_machine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(machine.home / "config"))


def attempts(machine: Machine, store: ObjectStore, *more: str) -> int:
    where = ["--archive=evidence/dr", f"--archive-endpoint={store.outside}"]
    where += [f"--archive-credentials={machine.home}/credentials"]
    return cli.main(["job", "status", "--name=weekly", f"--folder={machine.home}/scheduled", *where, *more])


def trend(machine: Machine) -> int:
    runs = machine.home / "scheduled" / "weekly" / "runs"
    return cli.main(["trend", f"--runs={runs}", f"--out={machine.home}/trend.html"])


def metric(machine: Machine, name: str) -> str:
    lines = (machine.home / "weekly.prom").read_text().splitlines()
    (value,) = [line.rpartition(" ")[2] for line in lines if line.startswith(f"drillproof_{name}")]
    return value


def test_last_nights_backup_is_proved_kept_and_told(
    machine: Machine, store: ObjectStore, told: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    assert machine.start() == 0
    (message,) = told.documents
    sys.stderr.write(message["text"] + "\n")
    assert wrong("message", message) == []
    assert message["text"].startswith("PASS weekly; PASS prove")
    assert 'job_name="weekly"' in (machine.home / "weekly.prom").read_text()
    assert metric(machine, 'job_verdict{job_name="weekly",verdict="pass"}') == "1"
    assert metric(machine, "job_attempts_not_believed") == "0"
    assert (attempts(machine, store), trend(machine)) == (0, 0)
    back = machine.home / "fetched"
    where = [f"--endpoint={store.outside}", f"--credentials={machine.home}/credentials", f"--into={back}"]
    assert cli.main(["download", "--bucket=evidence/dr", *where]) == 0
    (run,) = [path for path in back.iterdir() if path.is_dir()]
    assert cli.main(["verify", run.name, f"--runs={back}"]) == 0
    assert cli.main(["recheck", str(run)]) == 0
    sys.stderr.write(capsys.readouterr().out)


def test_one_that_gets_stuck_takes_its_cluster_down_and_is_told(
    machine: Machine, store: ObjectStore, told: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    assert machine.start("--within=1m") == 2
    assert "ran longer than" in told.documents[-1]["text"]
    assert (attempts(machine, store), trend(machine)) == (2, 2)
    assert cli.main(["gc", f"--cluster={PROVING}"]) == 64  # nothing is left of it
    sys.stderr.write(told.documents[-1]["text"] + "\n" + capsys.readouterr().err)


def test_who_deletes_the_stuck_one_is_found_out_once_another_follows(
    machine: Machine, store: ObjectStore, told: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    assert machine.start(last=("--without-fingerprint",)) == 0
    assert attempts(machine, store) == 0
    _, stuck, _ = sorted((machine.home / "scheduled" / "weekly" / "attempts").iterdir())
    stuck.unlink()
    assert attempts(machine, store) == 0  # the archive still has it
    assert cli.main(["job", "status", "--name=weekly", f"--folder={machine.home}/scheduled"]) == 2
    store.client().delete_object(Bucket="evidence", Key=f"dr/attempts/weekly/{stuck.name}")
    assert (attempts(machine, store), trend(machine)) == (2, 2)
    assert f"not trusted: {stuck.name} is missing" in capsys.readouterr().out
    assert json.dumps(told.documents).count("hush") == 0
