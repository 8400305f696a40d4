"""The same agent, never killed, on langgraph-checkpoint-sqlite: what it needs, to compare with.

python beside.py agent-1
"""

import sys

from agent import run  # type: ignore[import-not-found]  # the file beside this one
from langgraph.checkpoint.sqlite import SqliteSaver

if __name__ == "__main__":
    with SqliteSaver.from_conn_string("sqlite.db") as saver:
        run(saver, sys.argv[1])
