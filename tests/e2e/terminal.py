"""Runs a command on a terminal of its own and prints, as JSON, how it ended and what it wrote.

usage: terminal.py CLOSE_AT COMMAND...

The terminal is closed as soon as the output contains CLOSE_AT, as when its window is closed; an empty text
leaves it open.
"""

import json
import os
import pty
import sys

close_at, command = sys.argv[1].encode(), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
output = b""
while True:
    try:
        received = os.read(terminal, 4096)
    except OSError:  # how Linux reports that the other side is closed
        break
    if not received:
        break
    output += received
    if close_at and close_at in output:
        os.close(terminal)
        break
_, status = os.waitpid(child, 0)
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "output": output.decode(errors="replace")}))
