"""Each check passes what is right and names what is wrong."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from attnutils import checks
from attnutils.attention import attention
from attnutils.layers import MultiHeadAttention
from attnutils.masks import causal_mask


def _fails(message, call, *args, **options):
    with pytest.raises(AssertionError) as error:
        call(*args, **options)
    assert message in str(error.value)


def test_matches(rng, capsys):
    a = rng.normal(size=(3, 3))
    checks.matches(torch.as_tensor(a), a, name="copy")
    checks.matches((a, a), (a, a), name="pair")
    assert capsys.readouterr().out == "copy: equal (to 1e-10)\npair: equal (to 1e-10)\n"
    _fails("It looks transposed", checks.matches, a.T, a)
    _fails("It looks negated", checks.matches, -a, a)
    _fails("every value is 2 times", checks.matches, 2 * a, a)
    _fails("It looks shifted by one row", checks.matches, np.roll(a, 1, 0), a)
    _fails("out: shape (2, 3), expected (3, 3)", checks.matches, a[:2], a, name="out")
    _fails("(3, 2), expected (2, 3). It looks transposed", checks.matches, a[:2].T, a[:2])
    _fails("(1, 3, 3), expected (3, 3). Only an axis of size 1", checks.matches, a[None], a)
    _fails("differs by up to 1,", checks.matches, np.tri(2) > 0, np.tri(2, k=1) > 0)
    _fails("differs by up to 0.1, allowed 1e-10.", checks.matches, np.eye(2) + 0.1, np.eye(2))
    _fails("holds NaN or infinity", checks.matches, a * np.nan, a)
    _fails("pair[1]: differs", checks.matches, (a, a + 1), (a, a), name="pair")
    _fails("1 results, expected 2", checks.matches, (a,), (a, a))


def test_rows_sum_to_one(rng):
    weights = torch.softmax(torch.as_tensor(rng.normal(size=(2, 4, 4))), -1)
    checks.rows_sum_to_one(weights)
    checks.rows_sum_to_one(weights * causal_mask(4, 4)[:, :1])  # nothing hidden
    _fails(
        "The columns do: the softmax ran over the wrong axis", checks.rows_sum_to_one, weights.mT
    )
    _fails("row 0, 0 sums to 2", checks.rows_sum_to_one, 2 * weights)
    _fails("a weight is NaN", checks.rows_sum_to_one, weights * float("nan"))
    _fails("is this before the softmax?", checks.rows_sum_to_one, weights - 1)


def test_permutation_equivariant(rng):
    x = torch.as_tensor(rng.normal(size=(2, 5, 4)))
    checks.permutation_equivariant(lambda x: attention(x, x, x), x, rng=rng)
    checks.permutation_equivariant(np.tanh, np.ones((1, 2)), rng=rng)
    _fails(
        "it depends on the order",
        checks.permutation_equivariant,
        lambda x: attention(x, x, x, causal=True),
        x,
        rng=rng,
    )


def test_every_permutation_moves_something():
    for seed in range(20):
        _fails(
            "it depends on the order",
            checks.permutation_equivariant,
            lambda x: x * np.arange(1.0, 4.0)[:, None],
            np.ones((3, 1)),
            rng=np.random.default_rng(seed),
        )


ALLOWED = causal_mask(5).numpy()


@pytest.mark.parametrize(
    "mask, message",
    [
        (np.ones((5, 5), bool), "the mask is without effect"),
        (~ALLOWED, "the mask is inverted"),
        (ALLOWED.T, "the mask is transposed"),
        (np.tri(5, k=1, dtype=bool), "off by one: each query sees one key too many"),
        (np.tri(5, k=-1, dtype=bool), "off by one: each query misses its last allowed key"),
        (np.tri(5, dtype=bool) | (np.arange(5) == 4), "4 leaks: query 0 sees key 4"),
        (np.eye(5, dtype=bool), "deaf to 10 allowed keys: query 1 ignores key 0"),
    ],
)
def test_no_leak_names_the_slip(rng, mask, message):
    x = torch.as_tensor(rng.normal(size=(5, 4)))
    q = torch.as_tensor(rng.normal(size=(5, 4)))

    def masked(mask):
        return lambda x: attention(q, x, x, mask=torch.as_tensor(mask))

    checks.no_leak(masked(ALLOWED), x, ALLOWED)
    _fails(message, checks.no_leak, masked(mask), x, ALLOWED)
    _fails("f maps to (5, 5)", checks.no_leak, masked(ALLOWED), x, ALLOWED[:4])


def test_gradients_flow(rng):
    layer = MultiHeadAttention(8, 2)
    _fails("query.weight: none", checks.gradients_flow, layer)
    layer(torch.randn(1, 3, 8)).square().sum().backward()
    checks.gradients_flow(layer)
    linear = nn.Linear(2, 1)
    (linear(torch.ones(1, 2)) * 0).sum().backward()
    _fails("weight: zero everywhere", checks.gradients_flow, linear)
    linear.bias.grad[0] = torch.nan
    _fails("bias: not finite", checks.gradients_flow, linear)


def test_claim(capsys):
    checks.claim("01-a", 0.12345, at_least=0.1, at_most=0.2)
    assert capsys.readouterr().out == "claim 01-a: 0.123 (>= 0.1, <= 0.2)\n"
    _fails("does not hold: claim 01-a: 0.3 (<= 0.2)", checks.claim, "01-a", 0.3, at_most=0.2)
    _fails("does not hold", checks.claim, "01-a", 0.1, at_least=0.2)
    _fails("nan", checks.claim, "01-a", float("nan"), at_least=0.2)
    with pytest.raises(ValueError, match="has no bound"):
        checks.claim("01-a", 1.0)


def test_claim_leaves_metadata_in_a_notebook():
    code = (
        "from IPython.core.interactiveshell import InteractiveShell; import json\n"
        "from IPython.utils.capture import capture_output\n"
        "shell = InteractiveShell.instance()\n"
        "with capture_output() as c:\n"
        "    shell.run_cell(\"from attnutils.checks import claim; claim('01-a', 1, at_least=0)\")\n"
        "print(json.dumps([c.outputs[0].data, c.outputs[0].metadata]))"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    data, metadata = json.loads(run.stdout.splitlines()[-1])
    assert data == {"text/plain": "claim 01-a: 1 (>= 0)"}
    assert metadata["attnutils_claim"] == {
        "id": "01-a",
        "value": 1.0,
        "at_least": 0,
        "at_most": None,
        "deterministic": False,
    }
