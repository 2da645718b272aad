"""The namespace is lost, and the node on which its volume is written back loses the object store while it is.

Its pod never starts, and the restore must not say Completed.
"""

from harness.faults.machinery import While
from harness.faults.namespace import DeleteNamespace
from harness.faults.network import CutFromStore
from harness.model import Notice
from harness.scenario import Scenario, Trouble

CUT = While("podvolumerestores", CutFromStore("consul-backup-0", needs=("consul",)))

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    troubles=(Trouble(CUT, "restore", beside=True),),
    noticed_by=(Notice("restore-complete", "the tool says of its restore: (Partially)?Failed"),),
    strategies=("dump", "physical"),
)
