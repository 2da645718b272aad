"""What a run shows to people and to other tools, made from its run directory and nothing else.

report.html      for people            junit.xml       for CI systems
allure-results/  for Allure            bundle/         logs and objects of the cluster, without secrets
"""

from __future__ import annotations

from pathlib import Path

from harness.core.errors import Unreadable
from harness.evidence import run_view
from harness.evidence.run_view import RunView
from harness.reports import allure, html, junit
from harness.reports.junit import label

__all__ = ["RunView", "label", "render"]


def render(run: Path) -> RunView:
    """Write report.html, junit.xml and allure-results/ into `run`, from what it holds, and return what it told.

    A run that broke off is rendered as far as it came. Raises OSError where `run` cannot be written, and Unreadable
    where somebody put a link in its way, which would be written through.
    """
    for path in (run / "report.html", run / "junit.xml", run / "allure-results", *run.glob("allure-results/*")):
        if path.is_symlink():
            raise Unreadable(path, 0, "is a link; no drill leaves one, and nothing is written through it")
    told = run_view.read(run)
    html.write(told, run / "report.html")
    junit.write(told, run / "junit.xml")
    allure.write(told, run / "allure-results")
    return told
