"""What is protected here: drillproof asks this fixture."""

from pathlib import Path

import pytest
from guestbook import Guestbook

from harness.workloads.application import Application


@pytest.fixture(scope="session")
def drillproof_application() -> Application:
    return Application("guestbook", Path(__file__).parent / "manifests", (Guestbook,))
