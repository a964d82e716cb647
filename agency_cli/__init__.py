"""The agencies' command line: issue, import, ask, verify, and the service window."""
