"""Covasim at the size of ``bench engine``: an epidemic with testing and tracing, in one script.

Needs Covasim alone (``pip install covasim``); ``python peer.py PEOPLE DAYS`` prints a JSON document.
"""

from __future__ import annotations

import json
import sys
import time


def measure(people: int, days: int) -> dict[str, object]:
    """Seconds of the population and of the days, and the peak memory of the process."""
    import covasim as cv  # type: ignore[import-not-found,unused-ignore]

    def sim(n: int) -> object:
        tracing = [cv.test_prob(symp_prob=0.2), cv.contact_tracing(trace_probs=0.35)]
        return cv.Sim(
            pop_size=n,
            n_days=days - 1,  # Covasim counts the first day as day 0
            pop_infected=max(1, round(0.003 * n)),
            interventions=tracing,
            rand_seed=1,
            verbose=0,
        )

    sim(2_000).run()  # type: ignore[attr-defined]  # compiled functions are loaded by then
    whole = sim(people)
    begin = time.perf_counter()
    whole.initialize()  # type: ignore[attr-defined]
    built = time.perf_counter()
    whole.run()  # type: ignore[attr-defined]
    done = time.perf_counter()
    return {
        "name": f"Covasim {cv.__version__}",
        "people": people,
        "days": days,
        "population_s": built - begin,
        "days_s": done - built,
        "peak_memory_mib": _peak_memory_mib(),
    }


def _peak_memory_mib() -> float:
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


if __name__ == "__main__":
    found = measure(int(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps(found))
