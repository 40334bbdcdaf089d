"""Starts TorchServe and the wrapper, and ends both when it is told to, or when one has ended."""

from __future__ import annotations

import signal
import time

from wrapper import termination
from wrapper.pod.output import Output
from wrapper.pod.plan import Plan
from wrapper.pod.processes import Child, Family
from wrapper.wakeups import Wakeups

TORCHSERVE, WRAPPER = "torchserve", "wrapper"

_STOPS = (signal.SIGTERM, signal.SIGINT)
# When one has ended by itself the container ends within 2 s: so long may the other take to end,
# the kernel to end what is left, and the log to be written, and all that on a busy machine.
_OTHER_WITHIN = 0.5
_KILLED_WITHIN = 0.3
_WRITTEN_WITHIN = 0.25
# The wrapper itself cuts off what is in flight after its grace period.
_BEYOND_GRACE = 1.0
# Nothing is in flight there then, but its own end takes 4 s. All of these together fit in the time
# that `plan` leaves of the pod's.
_TORCHSERVE_WITHIN = 5.0
_SHELL_SIGNAL = 128


def run(plan: Plan) -> int:
    """Run both servers until the container has to end, and give its exit code.

    It is 0 after SIGTERM or SIGINT. Where a server ends by itself it is that server's: its exit
    code, 128 and the signal's number where a signal ended it, and 1 instead of 0, since a server
    that has gone is no success.

    Raises:
        OSError: when one of them is no program.
    """
    output = Output()
    with Wakeups(_STOPS) as wakeups:
        family = Family()
        try:
            for warning in plan.warnings:
                output.say(f"WARNING: {warning}")
            supervisor = _Supervisor(plan, output, wakeups, family)
            return supervisor.watch()
        finally:
            family.end(_KILLED_WITHIN)
            output.close(_WRITTEN_WITHIN)


class _Supervisor:
    def __init__(self, plan: Plan, output: Output, wakeups: Wakeups, family: Family) -> None:
        self._grace_period = plan.grace_period
        self._output = output
        self._wakeups = wakeups
        self._family = family
        self._torchserve = family.launch(TORCHSERVE, plan.torchserve, plan.environment, output)
        self._wrapper = family.start(WRAPPER, plan.wrapper, plan.environment, output)

    def watch(self) -> int:
        """Wait for what ends the container, end it, and give its exit code."""
        while True:
            told = self._wakeups.wait()
            self._family.reap()
            for ended, other in (
                (self._torchserve, self._wrapper),
                (self._wrapper, self._torchserve),
            ):
                if ended.code is not None:
                    return self._end_both(ended, other)
            if told is not None:
                return self._drain(told)

    def _end_both(self, ended: Child, other: Child) -> int:
        self._output.say(f"{_how(ended)}: {other.name} is ended, too")
        other.send(signal.SIGTERM)
        self._wait_for(other, _OTHER_WITHIN)
        return self._report(ended)

    def _drain(self, told: signal.Signals) -> int:
        self._output.say(
            f"{told.name}: the wrapper answers what is in flight, for up to "
            f"{self._grace_period:g} s, then TorchServe is ended"
        )
        self._wrapper.send(signal.SIGTERM)
        if not self._wait_for(self._wrapper, self._grace_period + _BEYOND_GRACE):
            self._output.say("the wrapper did not end in its time: what is in flight is cut off")
        lost = self._torchserve.code is not None
        self._torchserve.send(signal.SIGTERM)
        self._wait_for(self._torchserve, _TORCHSERVE_WITHIN)
        if lost:
            return self._report(self._torchserve)
        if self._wrapper.code not in (None, 0, -signal.SIGTERM):
            return self._report(self._wrapper)
        self._write_all()
        self._output.say("both have ended")
        return 0

    def _report(self, ended: Child) -> int:
        code = _exit_code(ended)
        self._write_all()
        line = f"the container ends with exit code {code}, since {_how(ended)}"
        self._output.say(f"{line}. Its last lines:")
        last = self._output.last_lines(ended.name)
        for each in last:
            self._output.say(f"  {ended.name}: {each}")
        termination.leave(line, "".join(f"{each}\n" for each in last))
        return code

    def _write_all(self) -> None:
        # What holds their output open has to be gone before the end of it can be seen.
        self._family.end(_KILLED_WITHIN)
        self._output.finish([TORCHSERVE, WRAPPER], _WRITTEN_WITHIN)

    def _wait_for(self, child: Child, seconds: float) -> bool:
        """Wait for its end, whatever else ends meanwhile, and tell whether it came in time."""
        deadline = time.monotonic() + seconds
        while child.code is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._wakeups.wait(left)
            self._family.reap()
        return True


def _exit_code(ended: Child) -> int:
    # Whoever asks this knows that it has ended.
    code = ended.code or 1
    return code if code > 0 else _SHELL_SIGNAL - code


def _how(ended: Child) -> str:
    code = ended.code or 0
    if code == -signal.SIGKILL:
        return f"{ended.name} was ended by SIGKILL, as it is when memory runs out"
    if code < 0:
        return f"{ended.name} was ended by {_signal_name(-code)}"
    if ended.is_launcher:
        return f"{ended.name} did not start (exit code {code})"
    return f"{ended.name} ended by itself with exit code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
