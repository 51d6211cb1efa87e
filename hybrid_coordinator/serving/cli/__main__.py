"""`python -m hybrid_coordinator.serving.cli`: the command line without its script."""

from hybrid_coordinator.serving.cli import main

raise SystemExit(main())
