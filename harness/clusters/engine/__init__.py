"""The container engine: the Docker that is there, or a private one."""
