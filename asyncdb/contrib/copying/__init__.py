"""A database into another engine: its tables, their keys, their rows, compared.

What it does is planned first, and said::

    plan = await plan_copy(source, target)
    for problem in plan.problems:
        print(problem)
    report = await plan.run(progress=print)

SQLite, PostgreSQL and MySQL/MariaDB, in every direction; see
docs/how-to/copy-a-database.md.
"""

from asyncdb.contrib.copying.loading import CopiedTable, CopyReport, Progress
from asyncdb.contrib.copying.outcomes import CopyMismatch, CopyRefused
from asyncdb.contrib.copying.planning import CopyPlan, plan_copy
from asyncdb.contrib.copying.schema import Problem

__all__ = [
    "CopiedTable",
    "CopyMismatch",
    "CopyPlan",
    "CopyRefused",
    "CopyReport",
    "Problem",
    "Progress",
    "plan_copy",
]
