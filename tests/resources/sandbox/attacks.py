# ruff: noqa: E501
"""Attacks: programs that print `tried` once they are at it, and `ESCAPED` where they got what they must not get.

`{file}`, `{port}`, `{abstract}`, `{host}` and `{hostname}` are filled in.
"""

from __future__ import annotations

CALL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    ctypes.set_errno(0)
    result = libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    return result, ctypes.get_errno()
"""

REFUSED = {
    # No way out over the network
    "tcp to the host": """
import socket
print("tried")
socket.create_connection(("127.0.0.1", {port}), 2)
print("ESCAPED")
""",
    "name lookup": """
import socket
print("tried")
socket.getaddrinfo("example.com", 80)
print("ESCAPED")
""",
    "raw and netlink sockets": """
import socket
print("tried")
for family, kind in ((socket.AF_PACKET, socket.SOCK_RAW), (socket.AF_NETLINK, socket.SOCK_RAW), (socket.AF_INET, socket.SOCK_DGRAM), (40, 1)):
    try:
        socket.socket(family, kind)
        print("ESCAPED")
    except OSError:
        pass
""",
    "abstract unix socket of the host": """
import socket
print("tried")
socket.socket(socket.AF_UNIX).connect("\\0{abstract}")
print("ESCAPED")
""",
    # Nothing of the host to be read
    "environment": """
import os
from pathlib import Path
print("tried")
seen = dict(os.environ), Path("/proc/self/environ").read_bytes()
print("ESCAPED" if "secret-" in str(seen) or "OT_" in str(seen) else "")
""",
    "host file": "print('tried')\nopen('{file}').read()\nprint('ESCAPED')",
    "project files": """
import os
print("tried")
print("ESCAPED" if os.path.exists("{host}/pyproject.toml") or os.path.exists("{host}/.git") else "")
""",
    "system secrets": """
import os
print("tried")
for path in ("/etc/passwd", "/etc/shadow", "/etc/hostname", "/etc/ssl", "/var/log", "/run", "/root/.ssh", "/home", "/sys", "/boot"):
    if os.path.exists(path):
        print("ESCAPED", path)
""",
    "home": """
import os
print("tried")
for folder in {"/root", "/home", os.path.expanduser("~")}:
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name != ".pyenv":
            print("ESCAPED", folder, name)
""",
    "symlinks and hard links": """
import os
print("tried")
os.symlink("{file}", "/tmp/link")
for path in ("/tmp/link", "/proc/self/root{file}", "/proc/self/cwd/../../{file}", "/tmp/../../..{file}", "/proc/1/root{file}"):
    try:
        print("ESCAPED" if open(path).read() else "")
    except OSError:
        pass
os.link("/usr/bin/env", "/tmp/env")
print("ESCAPED")
""",
    "other processes in /proc": """
import os
print("tried")
names = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
print("ESCAPED" if names else "", names)
for name in ("kcore", "kmsg", "keys", "sys", "net", "sysrq-trigger", "mounts", "modules", "config.gz"):
    if os.path.exists("/proc/" + name) and name not in ("net", "mounts"):
        print("ESCAPED", name)
""",
    "memory of process 1's parent": """
import os
print("tried")
for pid in range(1, 300):
    if pid != os.getpid():
        try:
            open(f"/proc/{pid}/mem", "rb")
            print("ESCAPED", pid)
        except OSError:
            pass
""",
    "open by handle": CALL
    + """
print("tried")
handle = ctypes.create_string_buffer(b"\\x08\\0\\0\\0\\x01\\0\\0\\0" + b"\\x02\\0\\0\\0\\0\\0\\0\\0", 32)
print("ESCAPED" if libc.open_by_handle_at(os.open("/usr", 0), handle, 0) >= 0 else "")
""",
    # Nothing of the host to be changed
    "writing outside": """
import os, sys
print("tried")
for folder in ("/", "/usr", "/usr/lib", "/etc", "/dev", "/proc", "/judge", "/judge/resources/sandbox/inside", sys.prefix, sys.prefix + "/lib",
               os.path.dirname(os.__file__), os.path.dirname(os.__file__) + "/site-packages", "/usr/local", "/bin"):
    try:
        open(folder + "/left", "w").write("x")
        print("ESCAPED", folder)
    except OSError:
        pass
""",
    "changing what is there": """
import os, sys
print("tried")
for change in (lambda: os.remove(os.__file__), lambda: os.rename("/usr/bin/env", "/usr/bin/env2"), lambda: os.chmod("/usr/bin/env", 0o777),
               lambda: os.utime("/usr/bin/env"), lambda: open(sys.executable, "r+b"), lambda: os.truncate("/usr/bin/env", 0),
               lambda: os.setxattr("/usr/bin/env", "user.x", b"x"), lambda: os.mkdir("/new")):
    try:
        change()
        print("ESCAPED")
    except OSError:
        pass
""",
    "devices": """
import os, stat
print("tried")
for name in ("mem", "kmem", "kmsg", "port", "sda", "vda", "kvm", "fuse", "net/tun", "tty", "console", "ptmx", "loop0", "snapshot"):
    if os.path.exists("/dev/" + name):
        print("ESCAPED", name)
for make in (lambda: os.mknod("/tmp/d", 0o666 | stat.S_IFBLK, os.makedev(254, 0)), lambda: os.mknod("/tmp/c", 0o666 | stat.S_IFCHR, os.makedev(1, 1))):
    try:
        make()
        print("ESCAPED")
    except OSError:
        pass
""",
    "set-uid programs": """
import os, subprocess
print("tried")
for program in ("su", "sudo", "passwd", "mount", "ping", "pkexec", "newuidmap"):
    try:
        done = subprocess.run([program, "-c", "id"], capture_output=True, stdin=subprocess.DEVNULL, timeout=3)
        print("ESCAPED" if b"uid=0" in done.stdout else "")
    except (OSError, subprocess.TimeoutExpired):
        pass
""",
    # No more power than it has
    "becoming root": """
import os
print("tried")
for become in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.setresuid(0, 0, 0), lambda: os.chroot("/tmp"),
               lambda: os.nice(-5), lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))):
    try:
        become()
        print("ESCAPED")
    except OSError:
        pass
state = open("/proc/self/status").read()
print("" if "CapEff:\\t0000000000000000" in state and "CapPrm:\\t0000000000000000" in state and "NoNewPrivs:\\t1" in state else "ESCAPED")
""",
    "raising limits": """
import resource
print("tried")
for kind in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU, resource.RLIMIT_NOFILE):
    try:
        resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("ESCAPED", kind)
    except (ValueError, OSError):
        pass
""",
    "namespaces and mounts": CALL
    + """
print("tried")
for flag in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x8000000, 0x4000000, 0x2000000):
    if libc.unshare(flag) == 0:
        print("ESCAPED unshare", hex(flag))
if libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None) == 0 or libc.mount(b"/usr", b"/tmp", None, 4096, None) == 0:
    print("ESCAPED mount")
if libc.mount(None, b"/", None, 32 | 4096, None) == 0 or libc.umount2(b"/proc", 2) == 0:
    print("ESCAPED remount")
if libc.setns(os.open("/proc/self/ns/mnt", 0), 0) == 0:
    print("ESCAPED setns")
if call(56, 0x10000000 | 17, 0, 0, 0, 0)[0] >= 0 and os.uname().machine == "x86_64":
    print("ESCAPED clone")
if libc.sethostname(b"x", 1) == 0:
    print("ESCAPED sethostname")
""",
    "ptrace": CALL
    + """
print("tried")
child = os.fork()
if child == 0:
    import time
    time.sleep(5)
    os._exit(0)
print("ESCAPED" if libc.ptrace(16, child, None, None) == 0 or libc.ptrace(0, 0, None, None) == 0 or libc.ptrace(16, 1, None, None) == 0 else "")
""",
    "memory of another process": CALL
    + """
print("tried")
child = os.fork()
if child == 0:
    import time
    time.sleep(5)
    os._exit(0)
class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
buffer = ctypes.create_string_buffer(8)
one = Vector(ctypes.addressof(buffer), 8)
for pid in (child, 1):
    if pid != os.getpid() and libc.process_vm_readv(pid, ctypes.byref(one), 1, ctypes.byref(one), 1, 0) > 0:
        print("ESCAPED", pid)
""",
    "keyrings, bpf, perf, io_uring, userfaultfd, kexec, modules": CALL
    + """
print("tried")
numbers = {"x86_64": (250, 248, 321, 298, 425, 323, 246, 313, 319, 29, 240), "aarch64": (219, 217, 280, 241, 425, 282, 104, 273, 279, 194, 180)}
page = ctypes.create_string_buffer(4096)
for number in numbers[os.uname().machine]:
    result, error = call(number, 0, page, 64, 0, 0)
    if result >= 0 or error not in (1, 38):
        print("ESCAPED", number, result, error)
""",
    "shared memory of the host": """
import os
print("tried")
print("ESCAPED" if os.listdir("/dev/shm") else "")
""",
    "names of the host": """
import os, socket
print("tried")
print("ESCAPED" if socket.gethostname() == "{hostname}" or os.uname().nodename != "sandbox" else "")
""",
}
"""Name -> a program that must find every door shut."""

CONTAINED = {
    # name -> (program, how it must end)
    "sleeping": ("import time\nprint('tried', flush=True)\ntime.sleep(1000)", "time"),
    "busy loop": ("print('tried', flush=True)\nwhile True: pass", "time"),
    "stopping itself": (
        "import os, signal\nprint('tried', flush=True)\nos.kill(os.getpid(), signal.SIGSTOP)\nwhile True: pass",
        "time",
    ),
    "deaf to signals": (
        "import signal, time\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n"
        "print('tried', flush=True)\nwhile True: time.sleep(1)",
        "time",
    ),
    "thread that never ends": (
        "import threading, time, sys\nprint('tried', flush=True)\nthreading.Thread(target=lambda: time.sleep(1000)).start()\nsys.exit(0)",
        "time",
    ),
    "endless constant": ("print('tried', flush=True)\neval('9**9**9')", "time"),
    "endless output": ("print('tried', flush=True)\nwhile True: print('x' * 1000)", "output"),
    "endless errors": ("import sys\nprint('tried', flush=True)\nwhile True: sys.stderr.write('x' * 1000)", "output"),
    "memory of many processes": (
        "import os, time\nprint('tried', flush=True)\nfor _ in range(8):\n    if os.fork() == 0:\n        held = os.urandom(1 << 20) * 100\n"
        "        time.sleep(1000)\ntime.sleep(1000)",
        "memory",
    ),
    "memory": ("print('tried', flush=True)\nheld = [bytearray(1 << 20) for _ in range(100_000)]", "exit 1"),
    "one huge piece of memory": ("print('tried', flush=True)\nbytearray(1 << 40)", "exit 1"),
    "mapped memory": ("import mmap\nprint('tried', flush=True)\nmmap.mmap(-1, 1 << 34)", "exit 1"),
    "deep recursion in C": (
        "import sys\nprint('tried', flush=True)\nsys.setrecursionlimit(1 << 30)\nclass A:\n    def __repr__(self): return repr(self)\nrepr(A())",
        "signal",
    ),
    "deep recursion": (
        "import sys\nprint('tried', flush=True)\nsys.setrecursionlimit(1 << 30)\ndef f(): return [f()]\nf()",
        "exit 1 or signal or time",  # on the way out it may take its time to count a million frames
    ),
    "deep nesting": ("print('tried', flush=True)\neval('(' * 10_000)", "exit 1 or signal"),
    "big file": ("print('tried', flush=True)\nopen('/tmp/x', 'wb').write(bytes(1 << 23))", "exit 1"),
    "full disk": (
        "print('tried', flush=True)\nfor n in range(100):\n    open(f'/tmp/{n}', 'wb').write(bytes(1 << 20))",
        "exit 1",
    ),
    "full shared memory": (
        "print('tried', flush=True)\nfor n in range(100):\n    open(f'/dev/shm/{n}', 'wb').write(bytes(1 << 20))",
        "exit 1",
    ),
    "endless files": (
        "print('tried', flush=True)\nfor n in range(1_000_000):\n    open(f'/tmp/{n}', 'w').close()",
        "exit 1",
    ),
    "endless open files": (
        "print('tried', flush=True)\nheld = []\nwhile True: held.append(open('/dev/null'))",
        "exit 1",
    ),
    "closing all descriptors": ("import os\nprint('tried', flush=True)\nos.closerange(0, 1000)\nos._exit(0)", "exit 0"),
    "crashing": ("import ctypes\nprint('tried', flush=True)\nctypes.string_at(0)", "signal"),
    "daemons that hold the output": (
        "import os, time\nprint('tried', flush=True)\nfor _ in range(5):\n    if os.fork() == 0:\n        os.setsid()\n"
        "        if os.fork() == 0:\n            while True: time.sleep(1)\n        os._exit(0)",
        "exit 0",
    ),
    "killing everyone": (
        "import os\nprint('tried', flush=True)\nfor pid in [-1, os.getppid(), *range(1, 400)]:\n    for number in (2, 9, 15, 19):\n"
        "        try:\n            if pid != os.getpid(): os.kill(pid, number)\n        except OSError: pass",
        "exit 0",
    ),
}
"""Name -> a program that wants too much, and how it must end."""
