"""The contract of every enhancer and vocoder, on the small ones of their own tests."""

import pytest

from tests.models import test_enhancer, test_vocoder
from tests.models.contract import run_backends_test, run_gan_test

CASES = {name: (*case, file.batch_for) for file in (test_enhancer, test_vocoder) for name, case in file.CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_contract(name, tmp_path):
    run_gan_test(*CASES[name], tmp_path)


@pytest.mark.parametrize("name", CASES)
def test_backends(name, tmp_path):
    run_backends_test(*CASES[name], tmp_path, rate=0.001)
