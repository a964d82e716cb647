"""A vault of several processes on this machine: PostgreSQL, S3, a balancer, and the processes of one table."""
