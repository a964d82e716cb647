from __future__ import annotations

import subprocess
import sys

from protocol import verify, verify_credential, verify_grant, verify_log, verify_receipt


def test_one_roof_holds_every_verifier() -> None:
    assert verify.judge_grant is verify_grant.judge_grant
    assert verify.judge_credential is verify_credential.judge_credential
    assert verify.judge_receipt is verify_receipt.judge_receipt
    assert verify.judge_entry is verify_log.judge_entry
    assert sorted(verify.__all__) == sorted(name for name in dir(verify) if not name.startswith("__"))


def test_verifying_needs_no_web3_no_eth_account_and_no_key_that_opens() -> None:
    """A fresh interpreter that can verify everything has loaded none of them: the vault imports these modules."""
    unwanted = ("web3", "eth_account", "pydantic", "protocol.envelope", "protocol.recipients", "protocol.keys")
    code = f"import sys, protocol.verify; print([m for m in {unwanted} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
