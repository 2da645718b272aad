"""`python -m harness.cli` is `drillproof`."""

import sys

from harness.cli.app import main

sys.exit(main())
