"""Kills programs with SIGKILL at random moments and looks whether anything acknowledged was lost.

`python -m tests.kill --kills 200` in the directory omium-py; a short campaign is part of the test suite.
"""
