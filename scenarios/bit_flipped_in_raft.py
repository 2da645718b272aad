"""One bit turns on the disk of a follower of Consul, in the log from which it builds its state when it starts.

Nothing checks the log then (a snapshot has a checksum, and a server refuses to start from a bad one). The server
starts, joins, is Ready and healthy, and from then on one of its keys has another name than on the two others. Reading
it back must notice.
"""

from harness.faults.files import FlipBits
from harness.model import Notice, Plan
from harness.scenario import Scenario

SCENARIO = Scenario(
    fault=FlipBits("consul", "follower", "vault/core/shamir-kek", folder="raft"),
    plan=Plan(restore=False, volumes_stay=True),
    noticed_by=(Notice("data-equal", "kv vault/core", "consul"),),
)
