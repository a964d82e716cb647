"""Fixtures of real servers: one PostgreSQL and one S3 server for a pytest session, a fresh place in it for each use.

``tests/conftest.py`` gives them to every test; ``scripts/servers/`` starts the servers, also for scripts.
"""
