"""`python3 -m app stream | backfill | maintenance`."""

import sys

from app.main import main

sys.exit(main())
