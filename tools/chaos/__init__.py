"""Kill a loaded vault again and again, and see whether anything that it acknowledged is lost: ``make chaos``.

journal     what the clients asked for and were told: their own records
load        clients: real HTTP, signed; who gets no answer sends the same request again, or gives up
server      the program ``vault-api`` as it is started, and SIGKILL
evidence    what anybody can read afterwards: checkpoints, proofs, tiles, the holders' own pages, the chain
judge       the checker: the records against the evidence, without a word from the vault's own files
run         one run, bounded in kills and in time
"""
