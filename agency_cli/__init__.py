"""The agency's program: issues credentials into dossiers, keeps their status, publishes scenarios, and asks.

The issuing half stands in ``commands/`` and ``services/``, the reading half in ``reading/``. It talks to the vault
over HTTP only, and believes of others what the chain confirms.
"""
