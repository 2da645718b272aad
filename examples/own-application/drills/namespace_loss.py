"""Somebody deletes the guestbook's namespace, with every pod, claim and volume in it."""

from harness.faults.namespace import DeleteNamespace
from harness.model import Objectives
from harness.scenario import Scenario

SCENARIO = Scenario(fault=DeleteNamespace(), objectives=Objectives(rto_s=300, rpo_s=120))
