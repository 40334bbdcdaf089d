"""Faults under load: what clients, a probe and a gateway see of a wrapper while things break.

Its part of the tree of errors, whose bases and steps are in `kserve_conformance.errors`::

    WrongUsage          exit code 2
        RowsError       options: rows that there are none of, or that can't be run so
    NotKnown            exit code 3
        NotStarted      running: a wrapper that a row needs, and that isn't ready in time
        NotHealed       running: a TorchServe that isn't as it was after a row
        TooFewFiles     running: a limit of open files below what a row has to open
        NoFigure        judging: a figure that a row is judged by, and that wasn't taken
"""
