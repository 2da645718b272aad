"""Every time limit of a drill, in seconds, with the reason for its value.

A deadline is not an objective: it is when waiting longer shows nothing new. All are generous, so that a slow machine is
not mistaken for a bad backup.
"""

HEALTHY_S = 300.0  # nine members, from manifests to replication: 30 s on two idle cores, ten times that at worst
SERVICE_S = 900.0  # Keycloak builds itself and starts: some 40 s on two idle cores, ten times that on busy ones
BACKUP_S = 3600.0  # Velero's own limit for one volume is 4 h; a drill's data need far less
CHECK_S = 3600.0  # a repository is read in full, as for a restore, and restic asks 45 s for each pack that is gone
RESTORE_S = 3600.0  # as for the backup: restic reads back at about a third of the speed at which it wrote
SYNC_S = 180.0  # Velero looks for old backups in the bucket once a minute; three times that
RECOVER_S = 3600.0  # loading a dump: 10 GB at some 10 MB/s is 1000 s, with room
PLACE_S = 300.0  # a pod without a node, image or volume for so long will not start here, whatever its backup is worth
DAMAGE_S = 300.0  # a namespace with nine pods is gone in under a minute; one that hangs in Terminating is no damage
READ_S = 120.0  # healthy members answer at once; this covers a last election or a replica that still catches up
DOWN_S = 300.0  # an interrupted drill removes its cluster and judges what there is: 30 s on two idle cores
HOOK_S = 3600.0  # a user's own command at a step, who can make it shorter
WRITES_S = 60.0  # twenty acknowledged writes of every store: a second or two, unless a store takes no writes at all
