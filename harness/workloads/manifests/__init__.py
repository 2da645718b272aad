"""A user's own application: its file, its manifests, and the application that a drill makes of both."""
