"""Print what becomes of autograd's own tests: ``python -m tests.autograds SDIST [--compiled]``.

SDIST is the unpacked source distribution of autograd, from a package index. With ``--compiled``
the first derivatives of one function of each test are taken of the compiled function too.
"""

import sys
import tempfile

from tests.autograds.running import outcomes, summary

sdist, *options = sys.argv[1:]
compiled = "--compiled" in options
with tempfile.TemporaryDirectory() as folder:
    given = [option for option in options if option != "--compiled"]
    results = outcomes(sdist, folder, *given, compiled=int(compiled))
for name, each in results.items():
    if each["outcome"] in ("wrong", "refused", "other"):
        print(
            f"{each['outcome']:8} {name.split('/')[-1]}: {' '.join(each['reason'].split())[:160]}"
        )
print(dict(summary(results)))
