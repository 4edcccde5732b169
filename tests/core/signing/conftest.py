import pytest

from core.signing.pki import DemonstrationPki
from tests.core.signing.samples import SignedSample, signed_sample


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> DemonstrationPki:
    return DemonstrationPki(tmp_path_factory.mktemp("pki") / "keys")


@pytest.fixture(scope="session")
def sample(pki: DemonstrationPki) -> SignedSample:
    return signed_sample(pki)


@pytest.fixture(scope="session")
def other_sample(pki: DemonstrationPki) -> SignedSample:
    return signed_sample(pki, "Convention n° 2")
