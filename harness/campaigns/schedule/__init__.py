"""Drills and proofs that nobody watches: run by a timer, kept in a bucket, told to somebody.

attempt     one time that a job ran, or should have: what it came to; overlap, a missed and a stuck one are seen here
chain       attempts as they are written down: signed, each with the hashes of those before it
job         one attempt from the lock to what is told
archive     the bucket that keeps the evidence: put in, taken out when its time is over, fetched back
message     what somebody is told; webhook and prometheus are the ways to them
"""
