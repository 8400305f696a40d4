"""`python -m omium.cli` is `omium`."""

import sys

from omium.cli import main

sys.exit(main())
