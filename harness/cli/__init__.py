"""The command line, and the pytest plug-in. Empty, so that a pytest session of another project loads no more of it."""
