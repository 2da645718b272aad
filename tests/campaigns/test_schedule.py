"""What runs a job by itself: when, with which words, and with no more rights than it needs."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import shop
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.campaigns.schedule import calendar, units
from harness.cli import app as cli
from harness.core import durations, process, resources
from harness.core.errors import Misconfigured
from harness.workloads.manifests import package
from harness.workloads.manifests.load import TargetCluster, load

DAY = timedelta(days=1)

CRON = (
    ("weekly", "23 3 * * 1", 7 * DAY),
    ("0 3 * * mon,thu", "0 3 * * mon,thu", 4 * DAY),
    ("*/15 * * * *", "*/15 * * * *", DAY / 96),
    ("0 0,6 * * *", "0 0,6 * * *", DAY * 0.75),
    ("0 0 1,15 * *", "0 0 1,15 * *", 17 * DAY),
    ("0 0 1 jan *", "0 0 1 jan *", 366 * DAY),
    ("0 0 1 * 5", "0 0 1 * 5", 7 * DAY),  # the first of the month, or a Friday
    ("0 0 */16 * 1", "0 0 */16 * 1", 7 * DAY),  # Kubernetes: every Monday, and the 1st and 17th
    ("0 0 */1 * 1", "0 0 */1 * 1", 7 * DAY),
    ("0 0 1 * */1", "0 0 1 * */1", 31 * DAY),
    ("0 0 2 * *,1", "0 0 2 * *,1", 31 * DAY),  # a star among others is still a star
    ("5/20 3 * * 1-5", "5/20 3 * * 1-5", 3 * DAY - timedelta(minutes=40)),
)


@pytest.mark.parametrize(("words", "line", "every"), CRON)
def test_how_often_a_line_of_cron_comes(words: str, line: str, every: timedelta) -> None:
    assert calendar.cron(words) == calendar.Calendar(line, every)


@pytest.mark.parametrize(
    "words", ["", "often", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7", "*/0 * * * *"]
)
def test_what_is_no_line_of_cron(words: str) -> None:
    with pytest.raises(Misconfigured, match="--every"):
        calendar.cron(words)


@pytest.mark.parametrize(
    "words", ["5-1 * * * *", "a * * * *", "0 0 31 2 *", "1,,2 * * * *", "-1 * * * *", "1-2-3 * * * *"]
)
def test_what_never_comes(words: str) -> None:
    with pytest.raises(Misconfigured, match="--every"):
        calendar.cron(words)


SYSTEMD = (("weekly", 7 * DAY), ("Mon,Thu 03:00", 4 * DAY), ("*-*-01 02:00", 31 * DAY), ("hourly", DAY / 24))
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")


@needs_systemd
@pytest.mark.parametrize(("words", "every"), SYSTEMD)
def test_how_often_calendar_words_come(words: str, every: timedelta) -> None:
    assert calendar.systemd(words).every == every


@needs_systemd
@pytest.mark.parametrize("words", ["often", "2020-01-01", "", "--help", "Mon 25:00"])
def test_what_are_no_calendar_words(words: str) -> None:
    with pytest.raises(Misconfigured, match="--every"):
        calendar.systemd(words)


def test_without_systemd_only_plain_words_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert calendar.systemd("daily").every == DAY
    with pytest.raises(Misconfigured, match="--every"):
        calendar.systemd("Mon 03:00")


@given(st.integers(1, 999_999))
def test_a_length_of_time_is_read_as_it_was_written(minutes: int) -> None:
    length = timedelta(minutes=minutes)
    assert durations.parse("--every", durations.compact(length)) == length


LENGTHS = (
    (timedelta(days=16), "16 days"),
    (timedelta(days=1), "1 day"),
    (timedelta(hours=30), "30 hours"),
    (timedelta(minutes=90), "90 minutes"),
    (timedelta(seconds=5), "5 seconds"),
)


@pytest.mark.parametrize(("length", "said"), LENGTHS)
def test_a_length_of_time_in_words(length: timedelta, said: str) -> None:
    assert durations.humanize(length) == said


# ---------------------------------------------------------------- systemd


def written(folder: Path, *words: str) -> dict[str, Path]:
    assert cli.main(["schedule", "systemd", "--into", str(folder), *words]) == 0
    return {path.suffix: path for path in folder.iterdir()}


def read(path: Path) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None, comment_prefixes=("#",), delimiters=("=",))
    found.optionxform = str  # type: ignore[assignment,method-assign] # as it documents it
    found.read_string(path.read_text())
    return found


@needs_systemd
def test_the_units_are_good_by_systemds_own_word(tmp_path: Path) -> None:
    awkward = "restore=echo \"a  b\" 'c' $HOME 100% \\n; x"
    files = written(tmp_path, "--every", "Mon 03:00", "--", "run", "--after", awkward)
    told = process.run(["systemd-analyze", "verify", *files.values()], check=False)
    ours = [line for line in told.stderr.splitlines() if "drillproof" in line]
    assert (told.exit_code, ours) == (0, [])


def test_a_unit_has_deadlines_and_makes_up_for_what_was_missed(tmp_path: Path) -> None:
    files = written(tmp_path, "--every", "weekly", "--within", "2h", "--", "run", "--stores", "consul")
    service, timer = read(files[".service"])["Service"], read(files[".timer"])["Timer"]
    assert (timer["OnCalendar"], timer["Persistent"], timer["RandomizedDelaySec"]) == ("weekly", "true", "3600")
    assert service["Type"] == "exec"  # with `oneshot`, systemd would not heed RuntimeMaxSec
    assert int(service["RuntimeMaxSec"]) == 2 * 3600 + int(service["TimeoutStopSec"])
    assert service["KillMode"] == "mixed"  # so that the job hears of it first, and can tell it
    assert service["WorkingDirectory"] == str(Path.cwd())
    assert service["ExecStart"].endswith(
        "job run --every=7d --name=drillproof --folder=reports/scheduled --within=2h -- run --stores consul"
    )
    assert Path(shlex.split(service["ExecStart"])[0]).is_file()


@given(st.text(st.characters(codec="ascii", exclude_characters="\r\0\x0b\x0c"), min_size=1))
def test_a_word_is_what_systemd_makes_of_it(word: str) -> None:
    quoted = units._word(word)
    plain = quoted[1:-1] if quoted.startswith('"') else quoted
    plain = re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), plain)
    assert plain.replace("%%", "%").replace("$$", "$") == word


@pytest.mark.parametrize("words", [["--application", "{}"], ["--application={}"]])
def test_a_unit_names_the_application_by_its_absolute_path(
    tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shop.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    said = [word.format("shop.toml") for word in words]
    unit = read(written(tmp_path / "units", "--", "run", *said)[".service"])["Service"]
    assert unit["ExecStart"].endswith(f"-- run {' '.join(word.format(file) for word in words)}")
    file.write_text(shop.FILE.replace("strategy", "strategies"))
    capsys.readouterr()
    assert cli.main(["schedule", "systemd", "--", "run", *said]) == 64
    assert "strategies" in capsys.readouterr().err
    assert cli.main(["schedule", "systemd", "--", "run", "--context", "x", "--application", "none.toml"]) == 64
    assert "none.toml does not exist" in capsys.readouterr().err


def test_no_webhook_is_written_into_a_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILLPROOF_WEBHOOK", "https://hooks.example.org/hush")
    files = written(tmp_path / "units", "--environment", str(tmp_path / "env"), "--", "run")
    assert "hush" not in files[".service"].read_text()
    assert read(files[".service"])["Service"]["EnvironmentFile"] == str(tmp_path / "env")


WRONG = (
    (["systemd", "--every", "often", "--", "run"], "--every"),
    (["systemd", "--every", "hourly", "--", "run"], "--within"),
    (["systemd", "--retain", "9d", "--", "run"], "--archive"),
    (["systemd", "--", "list"], "'list'"),
    (["systemd", "--prometheus", "/nowhere/x.prom", "--", "run"], "/nowhere"),
    (["systemd", "--into", "/dev/null/x", "--", "run"], "--into"),
    (
        [
            "cronjob",
            "--every",
            "60 * * * *",
            "--image",
            "x",
            "--archive",
            "a/b",
            "--",
            "run",
            "--context",
            "in-cluster",
        ],
        "60",
    ),
    (["cronjob", "--image", "x", "--archive", "a/b", "--", "prove", "--bucket", "b"], "schedule systemd"),
    (["cronjob", "--image", "x", "--archive", "a/b", "--", "run"], "schedule systemd"),
    (["cronjob", "--image", "x", "--archive", "/", "--", "run", "--context=in-cluster"], "--archive"),
    (["cronjob", "--image", "x", "--archive", "abc", "--", "run", "--context=in-cluster"], "drillproof.toml"),
    (
        ["cronjob", "--image", "x", "--archive", "abc", "--webhook-secret", "--", "run", "--context=in-cluster"],
        "--webhook",
    ),
    (["cronjob", "--image", "x", "--archive", "abc", "--", "run", "--context=in-cluster", "--key", "k"], "--key"),
    (["cronjob", "--image", "x y", "--archive", "abc", "--", "run", "--context=in-cluster"], "--image"),
    (["cronjob", "--image", "x", "--", "run", "--context=in-cluster"], "--archive"),
)


@pytest.mark.parametrize(("words", "said"), WRONG)
def test_what_makes_no_sense_is_one_line(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["schedule", *words]) == 64
    out, err = capsys.readouterr()
    assert said in err
    assert err.count("\n") == 1
    assert out == ""
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- CronJob


@pytest.fixture
def made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Every object of a CronJob's manifest by kind and name."""
    (tmp_path / "allowed.toml").write_text('[context.in-cluster]\nbucket = "velero"\n')
    words = ["--name", "weekly", "--every", "0 3 * * 1", "--image", "registry.example.org/drillproof:1"]
    words += ["--archive", "evidence/dr", "--retain", "90d", "--webhook", "--webhook-secret"]
    words += ["--config", str(tmp_path / "allowed.toml"), "--", "run", "--context", "in-cluster"]
    assert cli.main(["schedule", "cronjob", *words]) == 0
    every = yaml.safe_load_all(capsys.readouterr().out)
    return {f"{each['kind']} {each['metadata']['name']}": each for each in every}


def test_a_cronjob_runs_one_at_a_time_and_not_for_ever(made: dict[str, Any]) -> None:
    spec = made["CronJob drillproof-weekly"]["spec"]
    job = spec["jobTemplate"]["spec"]
    assert (spec["schedule"], spec["concurrencyPolicy"]) == ("0 3 * * 1", "Forbid")
    assert "timeZone" not in spec  # a control plane without a database of time zones refuses any
    assert spec["startingDeadlineSeconds"] == 3.5 * 86400
    assert job["backoffLimit"] == 0
    pod = job["template"]["spec"]
    assert job["activeDeadlineSeconds"] == 6 * 3600 + pod["terminationGracePeriodSeconds"]
    assert pod["restartPolicy"] == "Never"


def test_a_pod_has_no_rights_on_its_node(made: dict[str, Any]) -> None:
    assert made["Namespace drillproof"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = made["CronJob drillproof-weekly"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    for container in (*pod["containers"], *pod["initContainers"]):
        confined = container["securityContext"]
        assert confined == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_no_secret_is_in_the_manifest(made: dict[str, Any]) -> None:
    assert not any(key.startswith("Secret ") for key in made)
    (container,) = made["CronJob drillproof-weekly"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    env = {each["name"]: each.get("value") or each["valueFrom"]["secretKeyRef"] for each in container["env"]}
    assert env["DRILLPROOF_WEBHOOK"] == {"name": "drillproof", "key": "webhook"}
    assert container["args"] == [
        *("job", "run", "--every=7d", "--name=weekly", "--within=6h", "--archive=evidence/dr"),
        *("--archive-region=us-east-1", "--archive-credentials=/secrets/archive", "--retain=90d"),
        *("--webhook-secret=/secrets/webhook-secret", "--", "run", "--context", "in-cluster"),
        *("--config", "/config/drillproof.toml"),
    ]


def test_its_rights_are_those_that_are_documented_and_no_others(made: dict[str, Any]) -> None:
    kinds = {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}
    documented = yaml.safe_load_all((resources.clusters() / "existing" / "rbac.yaml").read_text())
    assert [each for each in made.values() if each["kind"] in kinds] == [
        each for each in documented if each["kind"] in kinds
    ]
    for each in made.values():
        if each["kind"].endswith("Binding") and "subjects" in each:
            assert [subject["name"] for subject in each["subjects"]] == [units.NAME]


def with_application(folder: Path, file: Path, *options: str) -> int:
    (folder / "allowed.toml").write_text('[context.in-cluster]\nstorage_class = "fast"\nnamespace = "shop-drill"\n')
    words = ["--image", "x", "--archive", "evidence", "--config", str(folder / "allowed.toml"), *options]
    return cli.main(["schedule", "cronjob", *words, "--", "run", "--context=in-cluster", "--application", str(file)])


@pytest.mark.parametrize("in_secret", [True, False])
def test_a_cronjob_ships_the_application(tmp_path: Path, in_secret: bool, capsys: pytest.CaptureFixture[str]) -> None:
    generated = '[[generate]]\nsecret = "db"\nkeys = ["root-password"]\n'
    named = {} if in_secret else {"secret": "", "file": shop.FILE + generated}
    file = shop.write(tmp_path, **named)
    assert with_application(tmp_path, file) == 0
    things = {each["kind"]: each for each in yaml.safe_load_all(capsys.readouterr().out)}
    pod = things["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["args"][-4:] == ["--application", "/application/application.toml", "--config", units.CONFIG]
    assert {"name": "application", "mountPath": "/application", "readOnly": True} in container["volumeMounts"]
    name = "drillproof-drillproof-application"
    holds = {"secretName": name, "defaultMode": 0o440} if in_secret else {"name": name}
    assert {"name": "application", "secret" if in_secret else "configMap": holds} in pod["volumes"]
    shipped = things["Secret"]["stringData"] if in_secret else things["ConfigMap"]["data"]
    assert ("correct-horse" in str(things)) is in_secret
    there = tmp_path / "there"
    there.mkdir()
    for key, content in shipped.items():
        (there / key).write_text(content)
    where = TargetCluster("fast", "shop-drill", pulls=True)
    here, again = load(file, where).by_manifests, load(there / "application.toml", where).by_manifests
    assert here
    assert again
    assert (again.contents, again.objectives, again.passwords) == (here.contents, here.objectives, here.passwords)


def test_a_chart_is_shipped_as_it_is_rendered(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "application-by-file" / "shop.toml"
    packed = package.package(example, TargetCluster("fast", "shop", pulls=True))
    assert (sorted(packed.files), packed.secret) == (["application.toml", "manifests.json"], False)
    for key, content in packed.files.items():
        (tmp_path / key).write_text(content)
    assert {each.name for each in load(tmp_path / "application.toml").kinds} == {"shop-mysql", "shop-postgres"}


def test_an_application_that_cannot_be_shipped_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    big = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big"}, "data": {"x": "y" * 2**20}})
    file = shop.write(tmp_path, big=big)
    assert with_application(tmp_path, file) == 64
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "and a ConfigMap holds 1,048,576; leave out what the drill does not need" in err
    (tmp_path / "manifests" / "big.yaml").unlink()
    file.write_text(f'namespace = "prod"\n{shop.FILE}')
    assert with_application(tmp_path, file) == 64
    assert "drills on this context may only use shop-drill" in capsys.readouterr().err
    assert with_application(tmp_path, tmp_path / "none.toml") == 64
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.chdir(tmp_path)
    command = ["--", "run", "--context", "in-cluster", "--application", str(file)]
    assert cli.main(["schedule", "cronjob", "--image", "x", "--archive", "evidence", *command]) == 64
    assert "no file drillproof.toml allows drills" in capsys.readouterr().err


def test_its_kubeconfig_leads_to_where_it_runs(made: dict[str, Any]) -> None:
    config = yaml.safe_load(made["ConfigMap drillproof-weekly"]["data"]["kubeconfig"])
    assert config["current-context"] == "in-cluster"
    assert config["clusters"][0]["cluster"]["server"] == "https://kubernetes.default.svc"
    assert "token" not in config["users"][0]["user"]
