"""One suite per port of `core/ports/`. Every adapter passes it, and every fake that stands for the port in other tests.

A suite's `ADAPTERS` lists what it runs over: add a new adapter there. The suites look at disk and rows around the
adapter where that is part of the promise. What only one adapter does is tested in its own folder.
"""
