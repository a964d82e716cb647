"""What an agency does, without a terminal: it issues, and it reads what it was granted or shown."""
