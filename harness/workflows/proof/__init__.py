"""Proves an existing Velero backup."""
