"""Gates and non-local blocks against plain versions; which axis is pooled; gradients; bad input."""

import pytest
import torch
import torch.nn.functional as F

from attnutils.capture import record_attention
from attnutils.layers import DotProductAttention
from attnutils.vision import CBAM, ChannelAttention, NonLocal, SpatialAttention, SqueezeExcite

SHAPE = (2, 6, 5, 4)  # all axes differ: one pooled for another is seen

MODULES = {
    "squeeze-excite": lambda: SqueezeExcite(6, ratio=2),
    "channel": lambda: ChannelAttention(6, ratio=3),
    "spatial": lambda: SpatialAttention(kernel=3),
    "cbam": lambda: CBAM(6, ratio=2),
    "non-local": lambda: NonLocal(6),
    "non-local, pooled": lambda: NonLocal(6, hidden_dim=2, pool=2),
}


def _randomized(module, rng):
    module = module.double()
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.as_tensor(rng.normal(size=tuple(p.shape))))
    return module


def _image(rng, shape=SHAPE):
    return torch.as_tensor(rng.normal(size=shape))


# --------------------------------------------------------------------------------- what they are


def test_squeeze_excite_channel_by_channel(rng):
    layer, x = _randomized(SqueezeExcite(6, ratio=3), rng), _image(rng)
    output = layer(x)
    for b in range(2):
        means = torch.stack([x[b, c].sum() / 20 for c in range(6)])
        hidden = (layer.squeeze.weight @ means + layer.squeeze.bias).clamp(min=0)
        gates = 1 / (1 + torch.exp(-(layer.excite.weight @ hidden + layer.excite.bias)))
        for c in range(6):
            torch.testing.assert_close(output[b, c], gates[c] * x[b, c])


def _cbam(layer, x):
    """As in the paper's figure, with pooling layers and 1 × 1 convolutions."""
    first, _, second = layer.channel.shared

    def shared(pooled):
        hidden = F.relu(F.conv2d(pooled, first.weight[:, :, None, None], first.bias))
        return F.conv2d(hidden, second.weight[:, :, None, None], second.bias)

    x = x * (shared(F.adaptive_avg_pool2d(x, 1)) + shared(F.adaptive_max_pool2d(x, 1))).sigmoid()
    maps = torch.cat([torch.mean(x, 1, keepdim=True), torch.max(x, 1, keepdim=True)[0]], 1)
    return x * F.conv2d(maps, layer.spatial.conv.weight, padding=3).sigmoid()


def test_cbam_equals_pooling_layers_and_convolutions(rng):
    layer, x = _randomized(CBAM(6, ratio=2), rng), _image(rng)
    torch.testing.assert_close(layer(x), _cbam(layer, x))


def _non_local(layer, x, pool):
    """One place at a time."""
    batch, channels, height, width = x.shape
    q, k, v = layer.query(x), layer.key(x), layer.value(x)
    if pool > 1:
        k, v = F.max_pool2d(k, pool), F.max_pool2d(v, pool)
    output = x.clone()
    for b in range(batch):
        keys = [(i, j) for i in range(k.shape[2]) for j in range(k.shape[3])]
        for row in range(height):
            for column in range(width):
                scores = torch.stack([q[b, :, row, column] @ k[b, :, i, j] for i, j in keys])
                weights = scores.exp() / scores.exp().sum()
                found = sum(a * v[b, :, i, j] for a, (i, j) in zip(weights, keys))
                output[b, :, row, column] += (
                    layer.output.weight[:, :, 0, 0] @ found + layer.output.bias
                )
    return output


@pytest.mark.parametrize("pool", [1, 2])
def test_non_local_place_by_place(rng, pool):
    layer, x = _randomized(NonLocal(6, pool=pool), rng), _image(rng)
    torch.testing.assert_close(layer(x), _non_local(layer, x, pool))


# ------------------------------------------------------------------------------ which axis is which


@pytest.mark.parametrize("name", ["squeeze-excite", "channel"])
def test_channel_gates_do_not_see_places(rng, name):
    layer, x = _randomized(MODULES[name](), rng), _image(rng)
    shuffled = x.flatten(2)[..., torch.as_tensor(rng.permutation(20))].unflatten(2, (5, 4))
    assert layer.gates(x).shape == (2, 6)
    torch.testing.assert_close(layer.gates(shuffled), layer.gates(x))


def test_channel_gates_see_mean_and_maximum_but_squeeze_excite_the_mean_alone(rng):
    x = torch.zeros(2, 6, 5, 4, dtype=torch.float64)
    x[0] += 0.05
    x[1, :, 2, 3] = 1.0  # the same mean, another maximum
    squeeze, channel = (_randomized(MODULES[m](), rng) for m in ("squeeze-excite", "channel"))
    torch.testing.assert_close(*squeeze.gates(x))
    assert not channel.gates(x)[0].allclose(channel.gates(x)[1])


def test_spatial_gates_do_not_see_which_channel(rng):
    layer, x = _randomized(SpatialAttention(), rng), _image(rng)
    assert layer.gates(x).shape == (2, 5, 4)
    torch.testing.assert_close(
        layer.gates(x[:, torch.as_tensor(rng.permutation(6))]), layer.gates(x)
    )


def test_spatial_gates_move_with_the_image(rng):
    layer = _randomized(SpatialAttention(kernel=3), rng)
    x = F.pad(_image(rng), (3, 3, 3, 3))
    moved = x.roll((1, -2), (2, 3))
    torch.testing.assert_close(layer.gates(moved), layer.gates(x).roll((1, -2), (1, 2)))


def test_spatial_gates_are_local(rng):
    layer, x = _randomized(SpatialAttention(kernel=3), rng), _image(rng)
    changed = x.clone()
    changed[:, :, 0, 0] += 5.0
    same = (layer.gates(changed) == layer.gates(x)).all(0)
    assert same[2:].all() and same[:, 2:].all()
    assert not same[:2, :2].any()


def test_spatial_gates_see_mean_and_maximum(rng):
    layer = _randomized(SpatialAttention(kernel=1), rng)
    x = torch.zeros(2, 6, 5, 4, dtype=torch.float64)
    x[0] += 0.5
    x[1, 2] = 3.0  # the same mean over channels, another maximum
    mean, maximum = layer.conv.weight.flatten()
    gates = layer.gates(x)[:, 0, 0]
    expected = torch.stack([(mean + maximum) * 0.5, mean * 0.5 + maximum * 3.0]).sigmoid()
    torch.testing.assert_close(gates, expected)


def test_non_local_does_not_know_places(rng):
    layer, x = _randomized(NonLocal(6), rng), _image(rng)
    order = torch.as_tensor(rng.permutation(20))

    def shuffled(x):
        return x.flatten(2)[..., order].unflatten(2, (5, 4))

    torch.testing.assert_close(layer(shuffled(x)), shuffled(layer(x)))


# ---------------------------------------------------------------------------------- properties


def test_non_local_starts_as_the_identity_and_can_leave_it(rng):
    layer, x = NonLocal(6), torch.randn(SHAPE)
    output = layer(x)
    assert output.equal(x)
    output.square().sum().backward()
    assert layer.output.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("pool, keys", [(1, 20), (2, 4)])
def test_non_local_is_recorded(rng, pool, keys):
    layer, x = _randomized(NonLocal(6, pool=pool), rng), _image(rng)
    with record_attention(layer) as weights:
        layer(x)
    assert weights["core"].shape == (2, 1, 20, keys)
    torch.testing.assert_close(weights["core"].sum(-1), torch.ones(2, 1, 20).double())


def test_non_local_takes_another_core(rng):
    ours = _randomized(NonLocal(6), rng)
    scaled = NonLocal(6, core=DotProductAttention()).double()
    scaled.load_state_dict(ours.state_dict())
    ours.query.weight.data /= 3**0.5
    ours.query.bias.data /= 3**0.5
    x = _image(rng)
    torch.testing.assert_close(ours(x), scaled(x))


def test_non_local_uses_the_fused_kernel(monkeypatch):
    strides = []
    core = DotProductAttention(scale=1.0)
    monkeypatch.setattr(
        core, "forward", lambda q, k, v: strides.append([x.stride(-1) for x in (q, k, v)]) or q
    )
    NonLocal(6, core=core)(torch.ones(SHAPE))
    assert strides == [[1, 1, 1]]  # what the kernel asks for


def test_hidden_layers_shrink_by_the_ratio():
    assert SqueezeExcite(33).squeeze.weight.shape == (2, 33)
    assert CBAM(32, ratio=4).channel.shared[0].weight.shape == (8, 32)
    assert NonLocal(1).query.weight.shape == (1, 1, 1, 1)


@pytest.mark.parametrize("name", MODULES)
def test_gradcheck(rng, name):
    layer, x = _randomized(MODULES[name](), rng), _image(rng).requires_grad_()
    assert layer(x).shape == SHAPE
    parameters = tuple(layer.parameters())
    assert torch.autograd.gradcheck(lambda x, *_: layer(x), (x, *parameters), fast_mode=True)


@pytest.mark.parametrize("name", MODULES)
def test_empty_batch(name):
    assert MODULES[name]()(torch.ones(0, *SHAPE[1:])).shape == (0, *SHAPE[1:])


# ---------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("shape", [(6, 5, 4), (2, 6, 5), (2, 6, 0, 4)])
def test_what_is_no_batch_of_images_is_refused(name, shape, untyped):
    with pytest.raises(ValueError) as error:
        MODULES[name]()(torch.ones(shape))
    assert f"x has shape {shape}; expected (batch, " in str(error.value)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: SqueezeExcite(0), "channels is 0; expected a whole number, at least 1"),
        (lambda: SqueezeExcite(8), "ratio is 16 but there are 8 channels: no hidden unit"),
        (lambda: SqueezeExcite(8, ratio=0), "ratio is 0"),
        (lambda: ChannelAttention(4, ratio=5), "ratio is 5 but there are 4 channels"),
        (lambda: CBAM(2.5), "channels is 2.5"),
        (lambda: CBAM(32, kernel=6), "kernel is 6; expected an odd number"),
        (lambda: SpatialAttention(kernel=0), "kernel is 0"),
        (lambda: NonLocal(-1), "channels is -1"),
        (lambda: NonLocal(8, hidden_dim=0), "hidden_dim is 0"),
        (lambda: NonLocal(8, pool=0), "pool is 0"),
        (
            lambda: NonLocal(6, pool=5)(torch.ones(SHAPE)),
            "x has shape (2, 6, 5, 4), smaller than a pool of 5",
        ),
        (
            lambda: SqueezeExcite(32)(torch.ones(2, 8, 8, 32)),
            "x has shape (2, 8, 8, 32); expected (batch, 32, height, width), none of the last "
            "three empty. Is an axis missing, or do channels come last?",
        ),
        (lambda: CBAM(32)(torch.ones(2, 16, 8, 8)), "expected (batch, 32, height, width)"),
        (lambda: NonLocal(32)(torch.ones(2, 16, 8, 8)), "expected (batch, 32, height, width)"),
    ],
)
def test_bad_input_is_named(call, message, untyped):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
