"""What the vault does, apart from how it is asked: plain functions of a ``Vault`` and typed requests."""
