"""What a run shows to people and to other tools, made from its run directory and nothing else.

report.html      for people            junit.xml       for CI systems
allure-results/  for Allure            bundle/         logs and objects of the cluster, without secrets
"""

from __future__ import annotations

from pathlib import Path

from harness.evidence import allure, html, junit, story
from harness.evidence.junit import label
from harness.evidence.story import Story

__all__ = ["Story", "label", "render"]


def render(run: Path) -> Story:
    """Write report.html, junit.xml and allure-results/ into `run`, from what it holds, and return what it told.

    A run that broke off is rendered as far as it came. Raises OSError where `run` cannot be written.
    """
    told = story.read(run)
    html.write(told, run / "report.html")
    junit.write(told, run / "junit.xml")
    allure.write(told, run / "allure-results")
    return told
