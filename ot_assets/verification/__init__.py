"""How an answer is judged: one verifier a file, one small interface, and a pool that can kill what hangs.

`verify` judges one answer in this process. `VerifierPool` judges many in worker processes with a limit on time and
memory, equal ones once, with a `VerdictCache` once a machine. `judge` and `majority` hold what votes and counts mean; who is
asked and what is counted is distillation's. No module here knows of Dagster or artifacts, and none imports math-verify,
sympy or reasoning-gym before it is needed.

Programs are run in a sandbox and nowhere else: where there is none their verdict is `unverifiable`, with the reason.
"""

from ot_assets.verification.cache import VerdictCache
from ot_assets.verification.child import Limits
from ot_assets.verification.pool import VerifierPool, verify_many
from ot_assets.verification.verdict import Verdict, VerdictKind, VerifyTask
from ot_assets.verification.verify import check_gold, verify

__all__ = [
    "Limits",
    "Verdict",
    "VerdictCache",
    "VerdictKind",
    "VerifierPool",
    "VerifyTask",
    "check_gold",
    "verify",
    "verify_many",
]
