"""One run from request to evidence: drill, proof, migration."""
