"""The agency's program: issues credentials into dossiers, keeps their status, publishes scenarios, and asks.

Commands parse, call a service and draw; ``services/`` does the work without a terminal. It talks to the vault over
HTTP only, and believes of others what the chain confirms.
"""
