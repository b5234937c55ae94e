"""Exercises and predictions of chapter 8."""

import numpy as np

from attnutils.grading import Exercise, Prediction, Variant
from attnutils.reference import attention_weights, softmax_backward


def _qkv(rng: np.random.Generator, *, n: int, m: int, d: int, value_dim: int) -> tuple:
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)), rng.normal(size=(m, value_dim))


def _attention_backward(
    dscores=softmax_backward,
    factor=lambda q, k: q.shape[-1] ** -0.5,
    dq=lambda ds, q, k: ds @ k,
    dk=lambda ds, q, k: ds.T @ q,
    dv=lambda weights, grad: weights.T @ grad,
):
    """The backward pass of attention, each part of which a variant may get wrong."""

    def backward(q, k, v, grad):
        weights = attention_weights(q, k)
        ds = dscores(weights, grad @ v.T) * factor(q, k)
        return dq(ds, q, k), dk(ds, q, k), dv(weights, grad)

    return backward


_ATTENTION_BACKWARD = Exercise(
    id="attention-backward",
    chapter="08",
    signature="my_attention_backward(q (n, d), k (m, d), v (m, value_dim), grad (n, value_dim)) "
    "-> (dq, dk, dv), shaped like q, k and v",
    reference=_attention_backward(),
    cases=lambda rng: [
        (*_qkv(rng, n=5, m=5, d=d, value_dim=value_dim), rng.normal(size=(5, value_dim)))
        for d, value_dim in [(4, 4), (9, 3)]
    ],
    variants=(
        Variant(
            "forgets the row sum",
            _attention_backward(lambda p, g: p * g),
            "Your dS is A∘dA, without the row sum: the other weights of the row fall when one "
            "rises. Each row of dS must sum to zero.",
        ),
        Variant(
            "no softmax backward",
            _attention_backward(lambda p, g: g),
            "You pass dA on as dS: the step back through the softmax is missing.",
        ),
        Variant(
            "row sum without weights",
            _attention_backward(lambda p, g: p * (g - g.sum(-1, keepdims=True))),
            "You subtract the plain row sum of dA; each entry must be weighted by A.",
        ),
        Variant(
            "row sum along the wrong axis",
            _attention_backward(lambda p, g: p * (g - (p * g).sum(-1))),
            "Your row sums have shape (n,) and were subtracted along the keys: with n = m nothing "
            "complains. Keep the axis: keepdims=True.",
        ),
        Variant(
            "not weighted by A",
            _attention_backward(lambda p, g: g - (p * g).sum(-1, keepdims=True)),
            "You subtract the right row sum from dA but do not multiply by A afterwards.",
        ),
        Variant(
            "gradients in another order",
            lambda q, k, v, grad: _attention_backward()(q, k, v, grad)[::-1],
            "You return (dv, dk, dq); expected is (dq, dk, dv), the order of the arguments.",
        ),
        Variant(
            "mean instead of weighted mean",
            _attention_backward(lambda p, g: p * (g - g.mean(-1, keepdims=True))),
            "You subtract the plain mean of dA; it must be weighted by A. (They agree only where "
            "all weights are equal.)",
        ),
        Variant(
            "sums over the queries",
            _attention_backward(lambda p, g: p * (g - (p * g).sum(0, keepdims=True))),
            "You sum A∘dA over the queries; each query has a softmax of its own: axis=-1.",
        ),
        Variant(
            "without 1/√d",
            _attention_backward(factor=lambda q, k: 1.0),
            "dq and dk lack the factor 1/√d: it stands between the scores and q·k, so it stands in "
            "the way back, too.",
        ),
        Variant(
            "divides by d",
            _attention_backward(factor=lambda q, k: 1 / q.shape[-1]),
            "dq and dk are divided by d: the factor 1/√d was applied twice. Once is enough.",
        ),
        Variant(
            "dk without transpose",
            _attention_backward(dk=lambda ds, q, k: ds @ q),
            "dk is dS Q where dSᵀ Q is wanted: a key collects from all queries. With n = m nothing "
            "complains.",
        ),
        Variant(
            "dq transposed",
            _attention_backward(dq=lambda ds, q, k: ds.T @ k),
            "dq is dSᵀ K where dS K is wanted: a query collects from all keys. With n = m nothing "
            "complains.",
        ),
        Variant(
            "dv without transpose",
            _attention_backward(dv=lambda weights, grad: weights @ grad),
            "dv is A dO where Aᵀ dO is wanted: a value collects from all queries that read it. "
            "With n = m nothing complains.",
        ),
        Variant(
            "queries and keys swapped",
            _attention_backward(dq=lambda ds, q, k: ds @ q, dk=lambda ds, q, k: ds.T @ k),
            "dq is made from q and dk from k: the derivative of a product by one factor is the "
            "other factor.",
        ),
    ),
    hints=(
        "go back step by step: output → values and weights → scores → queries and keys. Which "
        "shape must each gradient have?",
        "of C = X Y the gradients are dX = dC Yᵀ and dY = Xᵀ dC. The output is such a product "
        "(weights @ v), and the scores are one (q @ k.T, over √d).",
        "dv = weights.T @ grad, dscores = softmax_backward(weights, grad @ v.T) / √d, "
        "dq = dscores @ k, dk = dscores.T @ q.",
    ),
)


def _additive_backward(
    slope=lambda h: 1 - h**2,
    out=lambda v: v,
    over=(1, 0),
    project=lambda x, weight: x @ weight,
    swap=False,
    read=np.tanh,
):
    """The backward pass of additive scores, each part of which a variant may get wrong."""

    def backward(q, k, query_weight, key_weight, v, grad):
        before = (q @ query_weight.T)[:, None] + (k @ key_weight.T)[None]  # (n, m, hidden)
        dbefore = grad[..., None] * out(v) * slope(np.tanh(before))
        if swap:
            query_weight, key_weight = key_weight, query_weight
        dq = project(dbefore.sum(axis=over[0]), query_weight)
        dk = project(dbefore.sum(axis=over[1]), key_weight)
        return dq, dk, (grad[..., None] * read(before)).sum(axis=(0, 1))

    return backward


_ADDITIVE_BACKWARD = Exercise(
    id="additive-backward",
    chapter="08",
    signature="additive_backward(q (n, query_dim), k (m, key_dim), query_weight (hidden, "
    "query_dim), key_weight (hidden, key_dim), v (hidden), grad (n, m)) -> (dq, dk, dv)",
    reference=_additive_backward(),
    cases=lambda rng: [
        (*rng.normal(size=(4, 4, 4)), rng.normal(size=4), rng.normal(size=(4, 4))) for _ in range(2)
    ],
    variants=(
        Variant(
            "forgets the tanh",
            _additive_backward(slope=np.ones_like),
            "The slope of tanh is missing: multiply by 1 − h², where h = tanh(…).",
        ),
        Variant(
            "1 − h as slope",
            _additive_backward(slope=lambda h: 1 - h),
            "The slope of tanh is 1 − h², not 1 − h.",
        ),
        Variant(
            "tanh twice",
            _additive_backward(slope=lambda h: 1 - np.tanh(h) ** 2),
            "You take the tanh of h, which is a tanh already: the slope is 1 − h².",
        ),
        Variant(
            "forgets v",
            _additive_backward(out=np.ones_like),
            "dq and dk lack the factor v: how much the score feels each hidden number.",
        ),
        Variant(
            "sums over the wrong axis",
            _additive_backward(over=(0, 1)),
            "The sums are exchanged: query i stands in every column j of row i, so dq sums over "
            "the keys and dk over the queries. With n = m nothing complains.",
        ),
        Variant(
            "transposed weights",
            _additive_backward(project=lambda x, weight: x @ weight.T),
            "The weights are transposed: forward is q @ query_weight.T, so backward is "
            "@ query_weight. With equal sizes nothing complains.",
        ),
        Variant(
            "weights swapped",
            _additive_backward(swap=True),
            "dq goes back through key_weight and dk through query_weight: swap them.",
        ),
        Variant(
            "dv from before the tanh",
            _additive_backward(read=lambda before: before),
            "dv uses the sum before the tanh; v multiplies what comes after it.",
        ),
    ),
    hints=(
        "call h = tanh(W q_i + U k_j); it has the shape (n, m, hidden). The score is v · h: what "
        "are the gradients by v and by h?",
        "the slope of tanh is 1 − h². Before the tanh, q_i was added to each of the m keys: its "
        "gradient is the sum over them.",
        "dh = grad[..., None] * v; dbefore = dh * (1 - h**2); dq = dbefore.sum(1) @ query_weight, "
        "dk = dbefore.sum(0) @ key_weight, dv sums grad[..., None] * h over n and m.",
    ),
)


EXERCISES = (
    _ATTENTION_BACKWARD,
    _ADDITIVE_BACKWARD,
)

PREDICTIONS = (
    Prediction(
        id="backward-zero-value",
        chapter="08",
        question="The value of *because* is (0, 0). What does a higher score of *because* do to "
        "the gender in the answer, which is 2?",
        options={
            "a": (
                "nothing: zero times any weight is zero",
                "Its own term stays zero. But its weight comes out of the others', and most of it "
                "from *cats*, which brings the gender.",
            ),
            "b": (
                "it lowers the gender",
                "0 is less than the 2 that the row returns now: mixing in more of it pulls the "
                "answer down, by weight times difference, 1/8 · (0 − 2) = −1/4.",
            ),
            "c": (
                "it raises the gender: a higher score means a higher weight",
                "A higher weight, yes, but on a value that is below the answer of 2. It pulls the "
                "answer toward 0.",
            ),
        },
        answer="b",
    ),
    Prediction(
        id="buggy-training",
        chapter="08",
        question="The row sum is forgotten in the backward pass. How does the training go at a "
        "learning rate of 3?",
        options={
            "a": (
                "the accuracy stays at chance: the gradient is wrong",
                "It is wrong, but not useless. The forgotten term is small while the scores are, "
                "and the right key still gets the strongest pull.",
            ),
            "b": (
                "it learns all the same, only more slowly",
                "At first it does. But the rows of dS no longer sum to zero: nothing holds the "
                "scores in place, and they run away.",
            ),
            "c": (
                "the accuracy rises like that of the right one, then collapses",
                "The start looks healthy. Meanwhile the scores drift without a limit, until every "
                "row is saturated.",
            ),
        },
        answer="c",
    ),
)
