"""Who signed a run, and whether it is still what they signed. Needs no network, and runs nothing of the run.

keys         a file with a private key, and the known public keys
statement    what is signed: in-toto statements in DSSE envelopes, one over the evidence, one over the conclusions
files        the files of a run directory, or of the bundle that an auditor gets
attestation  signing, packing and verifying
"""
