"""Drills under pytest: `pytest scenarios/` does what `drillproof run` does, with pytest's own options beside ours.

Inert in other projects: nothing of ours is loaded until a test asks for the fixture `drillproof_drill`.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.reports import RunView
    from harness.workflows.drill.assembly import DrillSession
    from harness.workflows.drill.request import Options
    from harness.workloads.application import Application

FIXTURE = "drillproof_drill"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `drillproof run`, each with our name before it."""
    group = parser.getgroup("drillproof", "disaster-recovery drills")
    for name, text in {
        "strategy": "how data gets into the backup",
        "engine": "what takes and restores the backup",
        "mirror": "registry that mirrors the official names",
    }.items():
        group.addoption(f"--drillproof-{name}", metavar=name.upper(), help=text)
    group.addoption(
        "--drillproof-seed", type=int, default=1, metavar="N", help="number that the known data follow from"
    )
    group.addoption("--drillproof-rate", type=float, default=20, metavar="N", help="writes a second to each store")
    group.addoption("--drillproof-size", default="small", metavar="SIZE", help="small, medium or large")
    group.addoption("--drillproof-images", default="auto", metavar="HOW", help="auto, pull or build")
    group.addoption("--drillproof-keep", action="store_true", help="leave the cluster up afterwards")
    group.addoption("--drillproof-runs", type=Path, default=Path("reports/runs"), metavar="DIR", help="run directories")
    group.addoption("--drillproof-cluster", default="drillproof", metavar="NAME", help="cluster to make")
    group.addoption("--drillproof-key", type=Path, metavar="FILE", help="private key that signs; else your own")
    for name, text in {
        "stores": "only these stores",
        "before": "STEP=CMD before STEP",
        "after": "STEP=CMD after STEP",
    }.items():
        group.addoption(f"--drillproof-{name}", action="append", default=[], metavar="X", help=text)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each scenario of the test file's own folder."""
    if FIXTURE not in metafunc.fixturenames:
        return
    from harness.core.errors import Misconfigured  # as above
    from harness.workflows.drill import scenario  # loaded by need, so that other projects do not pay for it

    try:
        names = sorted(scenario.load(metafunc.definition.path.parent))
    except Misconfigured as error:
        raise pytest.UsageError(str(error)) from error
    metafunc.parametrize(FIXTURE, names, indirect=True, ids=names)


@pytest.fixture(scope="session")
def drillproof_session() -> Iterator[DrillSession]:
    """The cluster of this session, whose stores one drill may leave to the next; each worker has one of its own."""
    from harness.selftest.runner import in_memory_self_test  # as above
    from harness.workflows.drill import assembly

    with assembly.DrillSession(in_memory_self_test) as site:
        yield site


@pytest.fixture(scope="session")
def drillproof_application() -> Application | None:
    """What is protected; ours if None. Another repository's conftest.py has a fixture of this name with its own."""
    return None


@pytest.fixture
def drillproof_drill(
    request: pytest.FixtureRequest, drillproof_session: DrillSession, drillproof_application: Application | None
) -> RunView:
    """Run the drill of this test's scenario and return its story. What could not be judged is an error here."""
    from harness.core.errors import HarnessError, Misconfigured  # as above
    from harness.core.model import Verdict  # as above
    from harness.reports import summary  # as above
    from harness.workflows import progress  # as above
    from harness.workflows.runner import conduct  # as above

    try:
        story = conduct(_options(request, drillproof_application), progress.Progress(print), drillproof_session)
    except HarnessError as error:
        why = str(error) if isinstance(error, Misconfigured) else f"UNKNOWN: {error}"
        story = None
    if story is None:
        pytest.fail(why, pytrace=False)
    _attach(request.config, story)
    request.node.add_report_section("setup", "drillproof", "\n".join(summary.lines(story)))
    for name in ("rto_s", "rpo_s", "rpo_writes"):
        request.node.user_properties.append((f"drillproof_{name}", story.judged.get(name)))
    broke = story.problems or story.of("error") or not story.findings
    if story.verdict is Verdict.UNKNOWN and broke:
        pytest.fail("\n".join(summary.lines(story)), pytrace=False)
    return story


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A drill that was skipped, or expected to fail, proved nothing; it must not look green."""
    report = yield
    if FIXTURE in getattr(item, "fixturenames", ()) and (report.skipped or hasattr(report, "wasxfail")):
        report.outcome = "failed"
        report.longrepr = "UNKNOWN: this drill was skipped or marked xfail; it proved nothing"
        vars(report).pop("wasxfail", None)
    return report


def _options(request: pytest.FixtureRequest, application: Application | None) -> Options:
    from harness.workflows.drill import request as words  # as above

    asked = {
        name: request.config.getoption(f"drillproof_{name}")
        for name in (
            "stores",
            "strategy",
            "engine",
            "seed",
            "size",
            "rate",
            "keep",
            "before",
            "after",
            "images",
            "mirror",
            "runs",
            "key",
        )
    }
    # Each worker of pytest-xdist drills on a cluster of its own; two drills on one would break each other.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    cluster = request.config.getoption("drillproof_cluster") + (f"-{worker}" if worker else "")
    (options,) = words.options(
        (request.param,), folder=request.path.parent, cluster=cluster, application=application, **asked
    )
    return options


def _attach(config: pytest.Config, story: RunView) -> None:
    if not config.getoption("allure_report_dir", default=None):
        return
    import allure  # as above

    from harness.reports.allure import ATTACHED  # as above

    for name, kind in ATTACHED.items():
        if (story.run / name).is_file():
            allure.attach.file(  # type: ignore[no-untyped-call] # allure has no types
                story.run / name, name, allure.attachment_type[kind.name]
            )
