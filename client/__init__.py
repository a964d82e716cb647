"""What the wallet and the agency program share, and nothing else.

Key store and agent, signed HTTP, trust files, local items, and verification against vault and chain.
"""
