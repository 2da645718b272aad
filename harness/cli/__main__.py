"""`python -m harness.cli` is `drillproof`."""

import sys

from harness.cli import main

sys.exit(main())
