"""Mutations of good recoveries that the checks must notice."""
