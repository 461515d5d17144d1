"""`python -m worker` is the worker process."""

from worker.main import main

main()
