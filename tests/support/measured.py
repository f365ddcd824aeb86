"""Run a command and print what it said and used, as JSON.

A process of its own: peak memory counts the pages of whatever forked the command, and a test
worker may hold more than the command itself.
"""

import json
import resource
import subprocess
import sys

seconds, *words = sys.argv[1:]
limit = (int(seconds), int(seconds))
process = subprocess.run(
    words,
    stdin=subprocess.DEVNULL,
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, limit),
    timeout=120,
    check=False,
)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
said = process.stdout.decode(errors="replace")
print(json.dumps([process.returncode, said, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
