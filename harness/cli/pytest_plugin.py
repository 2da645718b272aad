"""Drills under pytest: `pytest scenarios/` does what `drillproof run` does, with pytest's own options.

Inert in other projects: nothing is loaded until a test uses the fixture `drillproof_drill`.
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
    """The options of `drillproof run`, with the prefix `drillproof-`."""
    group = parser.getgroup("drillproof", "disaster-recovery drills")

    def option(name: str, text: str, default: object = None, kind: type = str) -> None:
        group.addoption(f"--drillproof-{name}", help=text, default=default, type=kind, metavar=name.upper())

    option("strategy", "how data gets into the backup")
    option("engine", "backup engine")
    option("velero", "Velero's version, as 1.18")
    option("mirror", "registry that mirrors the official image names")
    option("seed", "random seed for the generated test data", 1, int)
    option("rate", "writes per second to each datastore", 20, float)
    option("item-block-workers", "item blocks (a pod with its claims) that Velero backs up at once", 4, int)
    option("size", "small, medium or large", "small")
    option("images", "auto, pull or build", "auto")
    option("runs", "folder of the run directories", Path("reports/runs"), Path)
    option("cluster", "name of the kind cluster", "drillproof")
    option("application", "file that describes your own application; see `drillproof detect`", None, Path)
    option("key", "private key that signs the run; default: your own", None, Path)
    group.addoption("--drillproof-keep", action="store_true", help="keep the cluster after the run")
    for name, text in {"stores": "only these datastores", "before": "STEP=CMD", "after": "STEP=CMD"}.items():
        group.addoption(f"--drillproof-{name}", action="append", default=[], metavar="X", help=text)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each scenario in the folder of the test file; without any, for each that fits your application."""
    if FIXTURE not in metafunc.fixturenames:
        return
    from harness.core.errors import Misconfigured  # as above
    from harness.workflows.drill import scenario  # loaded only when needed, for other projects' sake

    try:
        names = scenario.names(metafunc.definition.path.parent) or _fitting(metafunc.config)
        scenario.load(metafunc.definition.path.parent)
    except Misconfigured as error:
        raise pytest.UsageError(str(error)) from error
    metafunc.parametrize(FIXTURE, names, indirect=True, ids=names)


def _fitting(config: pytest.Config) -> tuple[str, ...]:
    from harness.cli import options  # as above
    from harness.core import resources
    from harness.workflows.drill import request, scenario

    application = options.application(config.getoption("drillproof_application"))
    known = scenario.load(resources.scenarios())
    return tuple(name for name, why in request.fitting(application, known).items() if not why) if application else ()


@pytest.fixture(scope="session")
def drillproof_session() -> Iterator[DrillSession]:
    """The cluster of this session, which drills can reuse; each pytest-xdist worker has its own."""
    from harness.selftest.runner import in_memory_self_test  # as above
    from harness.workflows.drill import assembly

    with assembly.DrillSession(in_memory_self_test) as site:
        yield site


@pytest.fixture(scope="session")
def drillproof_application(pytestconfig: pytest.Config) -> Application | None:
    """The application of --drillproof-application, else the built-in one. You may override it in your conftest.py."""
    from harness.cli import options  # as above

    file = pytestconfig.getoption("drillproof_application")
    return options.application(file)


@pytest.fixture
def drillproof_drill(
    request: pytest.FixtureRequest, drillproof_session: DrillSession, drillproof_application: Application | None
) -> RunView:
    """Run the drill of this test's scenario, and return it. A drill that could not be judged is an error."""
    from harness.core.errors import HarnessError, Misconfigured  # as above
    from harness.core.model import Verdict  # as above
    from harness.reports import summary  # as above
    from harness.workflows import progress  # as above
    from harness.workflows.runner import execute  # as above

    try:
        view = execute(_options(request, drillproof_application), progress.Progress(print), drillproof_session)
    except HarnessError as error:
        why = str(error) if isinstance(error, Misconfigured) else f"UNKNOWN: {error}"
        view = None
    if view is None:
        pytest.fail(why, pytrace=False)
    _attach(request.config, view)
    request.node.add_report_section("setup", "drillproof", "\n".join(summary.lines(view)))
    for name in ("rto_s", "rpo_s", "rpo_writes"):
        request.node.user_properties.append((f"drillproof_{name}", view.judged.get(name)))
    broke = view.problems or view.of("error") or not view.findings
    if view.verdict is Verdict.UNKNOWN and broke:
        pytest.fail("\n".join(summary.lines(view)), pytrace=False)
    return view


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A drill that was skipped or marked xfail proves nothing, so it must not pass."""
    report = yield
    if FIXTURE in getattr(item, "fixturenames", ()) and (report.skipped or hasattr(report, "wasxfail")):
        report.outcome = "failed"
        report.longrepr = "UNKNOWN: this drill was skipped or marked xfail, and proves nothing"
        vars(report).pop("wasxfail", None)
    return report


def _options(request: pytest.FixtureRequest, application: Application | None) -> Options:
    from harness.workflows.drill import request as words  # as above

    names = (
        "stores",
        "strategy",
        "engine",
        "velero",
        "item_block_workers",
        "seed",
        "size",
        "rate",
        "keep",
        "before",
        "after",
        "images",
        "mirror",
    )
    asked = {name: request.config.getoption(f"drillproof_{name}") for name in (*names, "runs", "key")}
    # Each pytest-xdist worker has its own cluster; two drills on one would break each other.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    cluster = request.config.getoption("drillproof_cluster") + (f"-{worker}" if worker else "")
    folder = request.path.parent if (request.path.parent / f"{request.param}.py").is_file() else None
    (options,) = words.options((request.param,), folder=folder, cluster=cluster, application=application, **asked)
    return options


def _attach(config: pytest.Config, view: RunView) -> None:
    if not config.getoption("allure_report_dir", default=None):
        return
    import allure  # as above

    from harness.reports.allure import ATTACHED  # as above

    for name, kind in ATTACHED.items():
        if (view.run / name).is_file():
            allure.attach.file(  # type: ignore[no-untyped-call] # allure has no types
                view.run / name, name, allure.attachment_type[kind.name]
            )
