"""What a child does before it becomes the program: give up root, ask to be signalled when its parent dies, exec.

Run as a script by `children.spawn`:

    python -I -S _child.py DEATH_SIGNAL PARENT UID GID DROP PROGRAM ARGUMENT...

UID and GID are -1 to stay who we are; DROP lists variables that were for this Python only. It imports nothing of ours,
and is a program rather than a `preexec_fn` because running Python between fork and exec is not safe in a process with
threads. The order matters: the kernel forgets the death signal when the user changes (prctl(2), PR_SET_PDEATHSIG).
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    death_signal, parent, uid, gid = (int(value) for value in arguments[:4])
    dropped, command = arguments[4].split(","), arguments[5:]
    for name in filter(None, dropped):
        os.environ.pop(name, None)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)  # the parent died before the signal was requested
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and exec would inherit that
    os.execvp(command[0], command)  # noqa: S606 -- no shell is what we want


if __name__ == "__main__":
    main(sys.argv[1:])
