"""Consul: adapter, digest, health, writer."""
