"""Every image and program that a drill needs: pinned, pulled or built, and put into the node image."""
