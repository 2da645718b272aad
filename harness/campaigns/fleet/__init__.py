"""Many backups that are proved again and again: which there are, how each stands, and what nobody proves.

definition  fleet.toml
status      how each target stands, from the signed attempts in the archive
page        the same as HTML and JSON
objects     the Kubernetes objects that prove them
discovery   what is in a cluster or a bucket, and in no fleet
"""
