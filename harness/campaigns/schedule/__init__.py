"""Drills and proofs that run unattended: started by a timer, archived in a bucket, reported to someone."""
