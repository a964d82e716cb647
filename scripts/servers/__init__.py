"""Real servers on this machine, PostgreSQL and S3, for tests and for the cluster; nobody else reaches them."""
