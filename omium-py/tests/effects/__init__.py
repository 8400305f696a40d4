"""Effects: their tests, and a campaign that kills generated programs with rollbacks and forks.

`python -m effects --kills 2000` in the directory omium-py/tests; a short one is part of the test suite.
"""
