"""An application of the user's own, by a file: what it says, what its manifests bring, what a drill makes of both."""
