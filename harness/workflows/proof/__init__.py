"""Proving a backup that somebody else's Velero took: from its bucket to a run that can be judged."""
