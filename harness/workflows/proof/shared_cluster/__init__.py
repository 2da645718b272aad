"""A proof in namespaces of a cluster that is there and not ours, with a Velero and an object store of its own."""
