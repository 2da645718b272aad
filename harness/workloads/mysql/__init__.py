"""MySQL: adapter, digest, catalogue, health, writer."""
