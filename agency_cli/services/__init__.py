"""What an issuing agency does, without a terminal."""
