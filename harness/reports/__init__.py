"""What a run shows to people and to other tools, made from its run directory and nothing else.

report.html      for people            junit.xml       for CI systems
allure-results/  for Allure            bundle/         logs and objects of the cluster, without secrets
"""

from pathlib import Path

from harness.core.errors import Unreadable
from harness.evidence import run_view
from harness.evidence.run_view import RunView
from harness.reports import allure, html, junit
from harness.reports.junit import label

__all__ = ["RunView", "label", "render"]


def render(run: Path) -> RunView:
    """Write report.html, junit.xml and allure-results/ into `run`, and return its view.

    A run that ended early is rendered as far as it got. OSError if `run` is not writable; Unreadable for a link in the
    place of a file, since files outside of the run would be overwritten through it.
    """
    for path in (run / "report.html", run / "junit.xml", run / "allure-results", *run.glob("allure-results/*")):
        if path.is_symlink():
            raise Unreadable(path, "is a link, and nothing is written through one; no drill leaves it: remove it")
    view = run_view.read(run)
    (run / "report.html").write_text(html.render(view), encoding="utf-8", errors="backslashreplace")
    junit.write(view, run / "junit.xml")
    allure.write(view, run / "allure-results")
    return view
