"""Values, seams, errors, and the one place each that starts processes, waits and talks to Kubernetes."""
