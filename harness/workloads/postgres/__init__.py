"""PostgreSQL: adapter, digest, catalogue, health, writer."""
