"""The verifiers, under one roof: the same functions for the vault, the wallet, the agency, and anybody offline.

``verify_…`` raises and returns the verified thing; ``judge_…`` collects every check and concludes by a policy.

    verify_grant, judge_grant            a grant, for one more use            protocol/verify_grant.py
    verify_credential, judge_credential  a credential, or a presentation      protocol/verify_credential.py
    judge_receipt                        a receipt of a use                   protocol/verify_receipt.py
    verify_entry, judge_entry            an entry's place in the log          protocol/verify_log.py
    judge_checkpoint                     a checkpoint that somebody kept      protocol/verify_log.py
"""

from protocol.credential_evidence import Asked, CredentialEvidence, DepositEvidence, Registries, VerifiedCredential
from protocol.grant_evidence import GrantEvidence, KnownScenario, MandateEvidence, VerifiedGrant
from protocol.verdict import POLICIES, Check, Policy, Verdict, accepted, conclude
from protocol.verify_credential import judge_credential, verify_credential
from protocol.verify_grant import judge_grant, verify_grant
from protocol.verify_log import EntryEvidence, VerifiedEntry, judge_checkpoint, judge_entry, verify_entry
from protocol.verify_receipt import ReceiptEvidence, UseEvidence, judge_receipt

__all__ = [
    "POLICIES",
    "Asked",
    "Check",
    "CredentialEvidence",
    "DepositEvidence",
    "EntryEvidence",
    "GrantEvidence",
    "KnownScenario",
    "MandateEvidence",
    "Policy",
    "ReceiptEvidence",
    "Registries",
    "UseEvidence",
    "Verdict",
    "VerifiedCredential",
    "VerifiedEntry",
    "VerifiedGrant",
    "accepted",
    "conclude",
    "judge_checkpoint",
    "judge_credential",
    "judge_entry",
    "judge_grant",
    "judge_receipt",
    "verify_credential",
    "verify_entry",
    "verify_grant",
]
