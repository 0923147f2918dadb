"""Functions of one element."""

import fastscratch as fs

from .case import Case, Draw, normal, positive, uniform


def _apart(*shape: int) -> Draw:
    """Numbers of both signs and many sizes, none near 0, where some functions have a corner."""
    return lambda rng: rng.choice([-1.0, 1.0], shape) * rng.uniform(0.05, 4.0, shape)


BENCH = (normal(1024, 1024),)
SIZE = (3, 5, 7, 2)  # axes enough for channels-last, and a tail on every instruction set

CASES = [
    Case("relu", fs.relu, (_apart(*SIZE),), bench=BENCH),
    Case("relu_large", fs.relu, (normal(300, 301),), gradient=False),
    Case("leaky_relu", fs.leaky_relu, (_apart(*SIZE),), bench=BENCH),
    Case("leaky_relu_slope", lambda x: fs.leaky_relu(x, -0.3), (_apart(*SIZE),)),
    Case("elu", fs.elu, (_apart(*SIZE),), bench=BENCH),
    Case("elu_alpha", lambda x: fs.elu(x, 0.7), (_apart(*SIZE),)),
    Case("celu", lambda x: fs.celu(x, 0.7), (_apart(*SIZE),)),
    Case("selu", fs.selu, (_apart(*SIZE),)),
    Case("gelu", fs.gelu, (normal(*SIZE, scale=3),), bench=BENCH),
    Case("gelu_tanh", lambda x: fs.gelu(x, approximate="tanh"), (normal(*SIZE, scale=3),), bench=BENCH),
    Case("gelu_sigmoid", lambda x: fs.gelu(x, approximate="sigmoid"), (normal(*SIZE, scale=3),)),
    Case("gelu_tails", fs.gelu, (uniform(-40, 40, 97),), gradient=False),
    Case("silu", fs.silu, (normal(*SIZE, scale=3),), bench=BENCH),
    Case("softplus", fs.softplus, (normal(*SIZE, scale=3),), bench=BENCH),
    Case("softplus_beta", lambda x: fs.softplus(x, 2.5, 3), (_apart(*SIZE),)),
    Case("tanh", fs.tanh, (normal(*SIZE),), bench=BENCH),
    Case("tanh_large", fs.tanh, (normal(70_001),), gradient=False),
    Case("sigmoid", fs.sigmoid, (normal(*SIZE, scale=3),), bench=BENCH),
    Case("exp", fs.exp, (normal(*SIZE),), bench=BENCH),
    Case("exp_ends", fs.exp, (uniform(-800, 800, 301),), gradient=False),
    Case("expm1", fs.expm1, (normal(*SIZE),)),
    Case("sqrt", fs.sqrt, (positive(*SIZE),), bench=(positive(1024, 1024),)),
    Case("log", fs.log, (positive(*SIZE),), bench=(positive(1024, 1024),)),
    Case("log_sizes", lambda x: fs.log(fs.exp(x)), (uniform(-80, 80, 301),), gradient=False),
    Case("log1p", fs.log1p, (uniform(-0.9, 3, *SIZE),)),
    Case("erf", fs.erf, (normal(*SIZE),), bench=BENCH),
    Case("erfc", fs.erfc, (normal(*SIZE),)),
    Case("hardtanh", lambda x: fs.hardtanh(x, -0.51, 1.03), (_apart(*SIZE),)),
    Case("relu6", lambda x: fs.relu6(x * 3), (_apart(*SIZE),)),
    Case("hardsigmoid", fs.hardsigmoid, (normal(*SIZE),)),
    Case("hardswish", fs.hardswish, (normal(*SIZE),)),
    Case("logsigmoid", fs.logsigmoid, (normal(*SIZE, scale=5),)),
    Case("mish", fs.mish, (normal(*SIZE, scale=3),)),
    Case("softsign", fs.softsign, (_apart(*SIZE),)),
    Case("tanhshrink", fs.tanhshrink, (normal(*SIZE),)),
    Case("prelu", fs.prelu, (_apart(*SIZE), normal(SIZE[1]))),
    Case("prelu_one", fs.prelu, (_apart(3, 4), normal(1))),
    Case("activation_scalar", lambda x: fs.tanh(fs.sigmoid(x.reshape(()))).reshape(1), (normal(1),)),
    Case("activation_empty", lambda x: fs.exp(fs.relu(x)), (normal(0, 3),), specials=False),
    Case("relu_inplace", lambda x: (x * 1).relu_(), (_apart(*SIZE),)),
    Case("exp_inplace", lambda x: (x * 1).exp_(), (normal(*SIZE),)),
]  # fmt: skip
