"""All refusals."""

from tests.template.refusals.api import API
from tests.template.refusals.cloud import Cloud
from tests.template.refusals.functions import FUNCTIONS
from tests.template.refusals.monitoring import MONITORING
from tests.template.refusals.network import NETWORK
from tests.template.refusals.policies import POLICIES
from tests.template.refusals.scaling import SCALING_AND_RELEASES
from tests.template.refusals.storage import STORAGE
from tests.template.refusals.store import STORE

REFUSALS = (*FUNCTIONS, *SCALING_AND_RELEASES, *API, *STORE, *NETWORK, *POLICIES, *STORAGE, *MONITORING)


def refused(cloud: Cloud) -> list[str]:
    """Return a sentence for each value that AWS would refuse."""
    return [fault for refusal in REFUSALS for fault in refusal.faults(cloud)]
