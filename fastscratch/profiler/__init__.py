"""Where the time goes, and how near each kernel comes to what the machine can do.

>>> import fastscratch as fs
>>> from fastscratch import nn
>>> model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
>>> with fs.profiler.profile() as prof:
...     with fs.profiler.record_function("forward"):
...         loss = model(fs.randn(16, 64)).square().mean()
...     loss.backward()
>>> [row.key for row in prof.key_averages()]
['forward', 'linear_forward', 'mean_all', 'div', 'linear_backward']
>>> row = prof.key_averages()[1]
>>> row.count, row.flops, row.formula.flops
(2, 76960, '2 y k + y given(b) + y given(activation)')

``print(prof)`` is a table: calls, time, GFLOP/s, GB/s, and the percentage of the limit that the machine's arithmetic and
memory set (a roofline, measured on this machine when it is first asked for: a fraction of a second). The same as data:
:meth:`profile.export_json`; call by call, for Perfetto or chrome://tracing: :meth:`profile.export_chrome_trace`; as a
picture: :meth:`profile.export_roofline`.

What is seen are the kernels of :mod:`fastscratch.backend`, called from any thread, and the stretches of code that
:class:`record_function` names. Operations that NumPy computes on every backend (``+``, ``sum``, indexing) are not kernels:
they are the rest of the time. While no profile runs, none of this costs anything: the kernels are called as they are.
"""

from .averages import Averages, Row
from .formulas import FORMULAS, Formula
from .measure import Limits, limits, measure_limits
from .recording import Event, profile, record_function

__all__ = [
    "FORMULAS",
    "Averages",
    "Event",
    "Formula",
    "Limits",
    "Row",
    "limits",
    "measure_limits",
    "profile",
    "record_function",
]
