"""How long fits take, and how much memory."""

import subprocess
import sys
from collections.abc import Iterator

import numpy as np

from measure import median_seconds
from scalewright.laws import fit

_MILLION = """
import resource, time
import numpy as np
from scalewright.laws import fit
rng = np.random.default_rng(0)
N, D = np.exp(rng.uniform(np.log(1e7), np.log(1e10), {rows})), np.exp(rng.uniform(np.log(1e9), np.log(1e12), {rows}))
L = (1.8172 + 482.01 * N**-0.3478 + 2085.43 * D**-0.3658) * np.exp(0.003 * rng.standard_normal({rows}))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begun = time.perf_counter()
law = fit(N, D, L)
seconds = time.perf_counter() - begun
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, before, law.predict(1e11, 1e13).loss)
"""


def speed_lines() -> Iterator[str]:
    """`auto` on a ladder, and on a million rows."""
    N, D = (a.ravel() for a in np.meshgrid(1e7 * 1.6 ** np.arange(10), 2e8 * 2.0 ** np.arange(5)))
    noise = np.exp(0.004 * np.random.default_rng(0).standard_normal(len(N)))
    L = (1.8172 + 482.01 * N**-0.3478 + 2085.43 * D**-0.3658) * noise
    seconds = median_seconds(lambda: fit(N, D, L, bootstrap=300), 5)
    yield f"auto, {len(N)} rows, 300 bootstraps: {seconds:.2f} s (bar: 5)"
    answer = subprocess.run(
        [sys.executable, "-c", _MILLION.format(rows=1_000_000)], capture_output=True, text=True, check=True
    )
    taken, peak, before, loss = map(float, answer.stdout.split())
    true = 1.8172 + 482.01 * 1e11**-0.3478 + 2085.43 * 1e13**-0.3658
    yield (
        f"auto, 1,000,000 rows: {taken:.1f} s (bar: 10), peak {peak / 2**20:.2f} GiB, {before / 2**20:.2f} before the "
        f"fit (bar: 1), loss 100 times beyond off by {abs(loss / true - 1):.2%}"
    )
