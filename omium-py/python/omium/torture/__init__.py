"""Kills a program at every moment it could die, continues it, and compares what came of it.

child   the program in a process of its own: tells each moment, dies at one
person  answers what the program waits for
trial   one kill and the runs after it, in a directory of its own
traces  what a trial leaves: the record, the files, the journal
talk    what a program said as it ended
verdict a trial held against an uninterrupted run
"""
