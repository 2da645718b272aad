"""Proofs on a shared cluster: in new namespaces, with their own Velero and object store."""
