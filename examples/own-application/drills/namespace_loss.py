"""Somebody deletes the guestbook's namespace, with every pod, claim and volume in it."""

from harness.core.model import Objectives
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(fault=DeleteNamespace(), objectives=Objectives(rto_s=300, rpo_s=120))
