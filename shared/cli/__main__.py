"""`python -m shared.cli`, for whoever has no `hub` on the path."""

import sys

from shared.cli import main

sys.exit(main())
