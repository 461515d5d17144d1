"""Python imports this first when its folder is on PYTHONPATH: the clock of the process is then wrong.

It is so by CLOCK_AHEAD_SECONDS, for all that reads it in Python.
"""

import datetime
import os
import time

AHEAD_SECONDS = float(os.environ["CLOCK_AHEAD_SECONDS"])

real_time = time.time


class WrongDatetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(seconds=AHEAD_SECONDS)


time.time = lambda: real_time() + AHEAD_SECONDS
datetime.datetime = WrongDatetime
