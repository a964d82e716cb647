"""What the wallet does, without a terminal."""
