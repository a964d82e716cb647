"""The vault: stores ciphertext, sequences the log, verifies grants, and hands out headers against receipts.

It holds no key that opens anything: ``protocol.envelope``, ``protocol.recipients``, ``protocol.keys`` and
``protocol.stream`` are out of its reach, and the import rules of the repository hold it to that.
"""
