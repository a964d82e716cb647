"""Tables, engine and migrations of the vault's database."""
