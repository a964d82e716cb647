"""What limits each row, in words: read beside the profile of the same run."""

from __future__ import annotations

LIMITS = {
    "a1": (
        "The interpreter. A deposit costs almost half a millisecond of processor time, half of it before the"
        " transaction (parsing and verifying the slip, its headers) and half inside (SQLite statements, the"
        " entry's HMACs and hashes, JSON), and one process has one interpreter lock; the anchor itself is one"
        " transaction whatever the batch and disappears in a trial. The profile is flat. What would help is"
        " verifying in processes beside the sequencer's. On a chain that makes a block every second instead of"
        " at once, as real ones do, one transaction after another manages one a second, and the anchor one"
        " more second for the whole batch."
    ),
    "a2": (
        "The interpreter, twice: the program's and the vault's, a core each. Of the rows one computes at a time while"
        " the others wait, their questions and deposits travel together with their small payloads, and status indices"
        " are drawn many at once. What is left for each credential is its own: the holder's card is asked of the chain"
        " and verified, the credential is signed and checked, sealed to a hybrid key, a slip is signed, two records"
        " reach the disk; at the vault, the work of row a1 and a payload that reaches the disk. About a second of a"
        " trial is the program's start and the wait for the anchor. The other side hashes nothing, seals nothing and"
        " keeps nothing."
    ),
    "b": (
        "Calldata and cold storage: an anchor pays 21,000 for being a transaction, about 500 for each hash of the"
        " consistency proof, and writes head, size and checkpoint hash. Its cost does not depend on how many"
        " entries it adds, so the share of a credential falls with the batch. The document store's `issue` of one"
        " Merkle root costs less than an anchor, since that contract verifies nothing: not that the new root"
        " extends the last one. EAS stores the whole attestation on chain."
    ),
    "c": (
        "libsecp256k1: three fifths of a verification are the one public key recovery, which the floor does as"
        " well. The rest is the digest for our domain (the message's own hash is made once, when the grant is"
        " parsed) and the checks, a microsecond each. `parsed` shows what a vault saves that remembers parsed"
        " grants."
    ),
    "d": (
        "One interpreter for event loop and sequencer. Half of the event loop's time is the framework (routing,"
        " dependencies, validation), half ours (parsing and verifying the receipt, the proof, the answer); the"
        " sequencer's half is a dozen SQLite statements, the grant's verification and the entry. A release is"
        " answered only after its group has reached the disk three times: database, tiles, checkpoint; that sets"
        " what one release waits. With 32 at once the service answers as fast as it can and each waits for the others:"
        " p99 there is the length of the queue, so that the goal is held against a load that it can bear. Nothing is"
        " left out for speed. More processes would need the sequencer to take work from them."
    ),
    "e": (
        "Two hashes, two files and a parser of HTTP in Python. The wallet keeps the payload (so that it opens"
        " without the vault the next time) and writes the document, both synchronised to the disk; it hashes the"
        " payload against its name and the document against the signed digest; the `age` program does none of the"
        " four. ChaCha20-Poly1305 itself is a small part. Fetching and hashing, opening and hashing already"
        " overlap in two threads; the vault serves from the same two cores. The program's start takes about half a"
        " second of it. Opening while downloading would save one reading of the file, not more."
    ),
    "f": (
        "One call of OpenSSL's SHA-256 from Python for each inner node: copy, update, digest. The hash of 65"
        " bytes itself takes less than the way to it. `@openzeppelin/merkle-tree` encodes each leaf by its ABI and"
        " hashes in JavaScript. A second core would help a log that is built from nothing; appending, which is"
        " what a log does, hashes a few nodes only."
    ),
    "g": (
        "X25519 in both; ML-KEM-768 adds the encapsulation and, for the reader, an expansion of its key."
        " Unwrapping has no goal and costs twice: the identity's keys are derived from its seed each time by the"
        " library."
    ),
    "h": (
        "Imports. Most of a warm start is Python loading modules (signed HTTP, pydantic's models, the"
        " credential's parsers); then come one request to the vault and one signature. Cold adds the"
        " passphrase's scrypt, which is slow on purpose. What the check of the collector needs is loaded while the"
        " first code is already shown. Measured with Debian 12's own Python; the same imports take 1.1 × as long in one"
        " that was compiled without `--enable-optimizations` (30 pairs of starts)."
    ),
    "i": (
        "Depth: a B-tree of a million rows is one page deeper than one of a thousand, and a proof is ten hashes"
        " longer. Group commits, verification and hashing cost the same at any size. A look-up with proof reads"
        " tiles: at a million entries their hashes no longer all lie in memory, and one that does not is read and"
        " hashed anew (255 nodes)."
    ),
    "j": (
        "The kernel's copies and the event loop's write of each piece. `FileResponse` hands every 64 KiB to a thread"
        " and back; the vault asks a thread for 2 MiB at a time while it sends what it has. Signature, caller and right"
        " cost a few milliseconds, once. Sending without copying (sendfile) is not to be had under this server."
    ),
}
