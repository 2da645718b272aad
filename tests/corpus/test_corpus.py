"""What detect says of deployments in the shapes that people use; and run accepts whatever it proposes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import recognition
from docs.recognition import Case
from harness.workloads.manifests import inventory, render, scaffold
from harness.workloads.manifests.load import load

CASES = recognition.cases()
LEAST = 60


def named(case: Case) -> str:
    return case.name


def test_the_corpus_is_large_and_its_table_is_up_to_date() -> None:
    assert len(CASES) >= LEAST
    page = recognition.PAGE.read_text()
    assert recognition.page(page) == page, "`python -m docs.recognition` writes it"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_a_deployment_is_recognised(case: Case) -> None:
    assert recognition.differences(case) == []


UNSERVED = ("operator/cnpg-pooler", "operator/external-server", "operator/kruise")
"""They are recognised, and need definitions of their kinds (`install_first`) before they can be drilled."""


@pytest.mark.parametrize(
    "case", [each for each in CASES if each.expected["exit"] == 0 and named(each) not in UNSERVED], ids=named
)
def test_what_is_proposed_is_accepted_once_the_open_questions_are_answered(case: Case, tmp_path: Path) -> None:
    found = scaffold.detect(str(case.path), render.of_path(case.path), "shop")
    text = scaffold.proposal(found, str(case.path), chart=False).replace("confirmed = false", "confirmed = true")
    assert "correct-horse" not in text
    keys = {(name, key) for name, its in found.secret.items() for key in its}
    keys |= {("db-secret", "password"), ("shop-postgresql", "password")} & {
        (name, key) for name, values in inventory.secrets(render.of_path(case.path)).items() for key in values
    }
    if '{ secret = "?", key = "?" }' in text and not keys:  # a password that only the user knows
        text = re.sub(r'password = \{ secret = "\?".*', "no_password = true", text)
    for secret, key in keys:
        text = text.replace('{ secret = "?", key = "?" }', f'{{ secret = "{secret}", key = "{key}" }}')
    path = tmp_path / "proposed.toml"
    path.write_text(text.replace('"?"', '"answer"'))
    application = load(path)
    assert [kind.members for kind in application.kinds] == [
        tuple(each.database.pod for each in members) for members in found.stores
    ]
    assert application.by_manifests
    drilled = " ".join(application.by_manifests.summary)
    assert all(name in drilled for name in found.unjudged)
