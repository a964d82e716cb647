"""What builds and checks OneFile; nothing here runs in production."""
