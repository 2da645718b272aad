"""Drills under pytest: green only for PASS, errors where the harness broke, and nothing at all in other projects."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sample_runs
from fakes import stand_in_assembly

from harness.checks import judge
from harness.core import resources
from harness.core.errors import Misconfigured, TimedOut
from harness.core.model import Event
from harness.evidence.signing import keys
from harness.workflows.drill.request import Options
from harness.workflows.drill.scenario import STORES

pytest_plugins = ["pytester"]

Sample = Callable[[Path], Path]


class Project:
    """A project with our test file and one scenario, whose drills leave `sample` behind."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.path = pytester.path
        self.asked: list[Options] = []
        self.sample: Sample = sample_runs.passed
        self.trouble: Callable[[], object] = lambda: None
        self._pytester = pytester
        for name in ("test_drills.py", "namespace_loss.py"):
            shutil.copy(resources.scenarios() / name, self.path / name)
        for store in STORES:
            for folder in ("base", "dump"):
                (self.path / "fixtures" / store / folder).mkdir(parents=True)
                (self.path / "fixtures" / store / folder / "kustomization.yaml").touch()

    def run_drill(self, options: Options, on_event: Callable[[Event], None], say: Callable[[str], None]) -> Path:
        say("ready")
        self.asked.append(options)
        self.trouble()
        return self.sample(options.runs / options.scenario.name)

    def pytest(self, *arguments: str) -> pytest.RunResult:
        # Hypothesis would be loaded anew, for seconds, in every session.
        without = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
        return self._pytester.runpytest_inprocess("--import-mode=importlib", *without, *arguments)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project(pytester)
    stand_in = stand_in_assembly()
    monkeypatch.setattr(stand_in, "run_drill", project.run_drill, raising=False)
    monkeypatch.setitem(sys.modules, "harness.workflows.drill.assembly", stand_in)
    monkeypatch.setattr("harness.workflows.drill.assembly", stand_in, raising=False)
    monkeypatch.setattr(resources, "fixtures", lambda: project.path / "fixtures")
    monkeypatch.setattr(judge, "recheck", lambda run, **_: run / "findings.json")  # the sample's findings stand
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    return project


def test_pass_is_green(project: Project) -> None:
    run = project.pytest("-v")
    run.stdout.fnmatch_lines(["*test_drill[[]namespace_loss[]]*PASSED*"])
    assert run.ret == 0


def test_each_bad_finding_fails_as_a_subtest(project: Project) -> None:
    project.sample = sample_runs.failed
    run = project.pytest()
    assert run.ret == 1
    run.stdout.fnmatch_lines(["*[[]data-equal[[]mysql/mysql-2[]][]]*", "*FAIL: table core_iam.client*"])
    run.stdout.fnmatch_lines(["*UNKNOWN: postgres-2 did not say*"])
    assert run.parseoutcomes()["failed"] == 5  # four findings and the drill itself


def test_a_drill_that_broke_is_an_error(project: Project) -> None:
    project.sample = sample_runs.broken_off
    run = project.pytest()
    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines(["*UNKNOWN namespace_loss: *"])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimedOut("pods", 3, "none"), "UNKNOWN: waited 3 s for pods*"),
        (Misconfigured("no engine"), "no engine"),
    ],
)
def test_harness_trouble_is_an_error_in_one_line(project: Project, error: Exception, said: str) -> None:
    def trouble() -> None:
        raise error

    project.trouble = trouble
    run = project.pytest()
    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines([said])
    run.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize("trouble", [lambda: pytest.skip("no time"), lambda: pytest.xfail("known")])
def test_a_skipped_drill_is_never_green(project: Project, trouble: Callable[[], object]) -> None:
    project.trouble = trouble
    run = project.pytest()
    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines(["*UNKNOWN: this drill was skipped or marked xfail*"])


def test_a_drill_marked_xfail_is_not_green(project: Project) -> None:
    project.sample = sample_runs.failed
    file = project.path / "test_drills.py"
    file.write_text(file.read_text().replace("def test_drill(", "@pytest.mark.xfail\ndef test_drill("))
    assert project.pytest().ret == 1
    project.sample = sample_runs.passed
    shutil.rmtree(project.path / "reports")
    assert project.pytest().ret == 1


def test_the_options_are_those_of_the_command_line(project: Project) -> None:
    words = "--drillproof-stores=mysql --drillproof-seed=9 --drillproof-size=medium --drillproof-keep"
    key = keys.folder() / "own.key"
    assert keys.signer().private_bytes == key.read_bytes()
    words += f" --drillproof-key={key}"
    assert project.pytest(*words.split(), "--drillproof-runs=here", "--drillproof-after=up=x").ret == 0
    (options,) = project.asked
    assert (options.stores, options.seed, options.size, options.keep) == (("mysql",), 9, "medium", True)
    assert [(hook.when, hook.step, hook.command) for hook in options.hooks] == [("after", "up", "x")]
    assert (project.path / "here" / "namespace_loss" / "report.html").is_file()


def test_a_wrong_word_is_one_line(project: Project) -> None:
    run = project.pytest("--drillproof-stores=mysq")
    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines(["unknown store 'mysq'; did you mean mysql?*"])
    assert project.asked == []


def test_a_broken_scenario_stops_the_session(project: Project) -> None:
    (project.path / "broken.py").write_text("raise RuntimeError('oh')")
    run = project.pytest()
    assert run.ret != 0
    assert project.asked == []
    run.stdout.fnmatch_lines(["*broken.py does not load: RuntimeError: oh*"])


def test_each_worker_drills_on_a_cluster_of_its_own(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.pytest("--drillproof-runs=one")
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw3")
    project.pytest("--drillproof-runs=two")
    assert [options.cluster for options in project.asked] == ["drillproof", "drillproof-gw3"]


def test_allure_gets_the_evidence(project: Project) -> None:
    project.sample = sample_runs.failed
    project.pytest("--alluredir=found")
    files = [json.loads(path.read_text()) for path in (project.path / "found").glob("*-result.json")]
    assert [each["status"] for each in files if "test_drill" in each["name"]] == ["failed"]
    containers = "".join(path.read_text() for path in (project.path / "found").glob("*-container.json"))
    assert all(name in containers for name in ("report.html", "journal.jsonl", "findings.json"))


def test_other_projects_see_nothing_but_options(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys
        import pytest

        @pytest.mark.skip
        def test_skipped(): ...

        @pytest.mark.xfail
        def test_expected(): assert 0

        def test_nothing_is_loaded():
            ours = {name for name in sys.modules if name.startswith("harness.")}
            assert ours <= {"harness.cli", "harness.cli.pytest_plugin"}
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1, skipped=1, xfailed=1)


def test_another_repository_says_what_is_protected(project: Project) -> None:
    (project.path / "conftest.py").write_text(
        "import pytest\n"
        "from pathlib import Path\n"
        "from harness.workloads.application import Application\n"
        "class Book:\n"
        "    name, members, secret_keys = 'book', ('book-0',), ()\n"
        "@pytest.fixture(scope='session')\n"
        "def drillproof_application():\n"
        "    return Application('shelf', Path(__file__).parent / 'manifests', (Book,))\n"
    )
    (project.path / "manifests" / "book" / "dump").mkdir(parents=True)
    (project.path / "manifests" / "book" / "dump" / "kustomization.yaml").touch()
    assert project.pytest("--drillproof-cluster=mine").ret == 0
    (options,) = project.asked
    assert options.application is not None
    assert (options.application.namespace, options.stores, options.cluster) == ("shelf", ("book",), "mine")
