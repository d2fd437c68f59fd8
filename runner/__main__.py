"""`python -m runner ROLE --home DIR`."""

import sys

from runner.main import main

sys.exit(main())
