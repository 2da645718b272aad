"""Drills and proofs that run unattended: started by a timer, archived in a bucket, reported to someone.

attempt        one start of a job, with its outcome: also skipped, missed and stuck ones
attempt_log    the signed records of attempts, each with the hashes of those before it
job            one attempt, from the lock to the notification
archive        the bucket that keeps the evidence: upload, expiry, download
notification   what is sent; webhook and prometheus are the ways
"""
