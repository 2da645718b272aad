"""Who stands for a run, and whether it is still what they signed. Needs no network, and runs nothing of the run.

keys        whose signature: one file with a private key, and the public keys that are known here
statement   what is signed: in-toto statements in DSSE envelopes, one over the evidence, one over what was concluded
files       where it lies: a run directory, or the bundle that an auditor gets
attestation signing and verifying
"""
