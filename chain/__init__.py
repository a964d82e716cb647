"""The ledger behind one port, its deployment, the publisher of checkpoints and the event follower."""
