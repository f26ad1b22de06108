"""The system calls that a tested program is refused, as a seccomp filter made by hand.

Refused with EPERM: what reaches other processes (ptrace, process_vm_*, prlimit of another, scheduling of another),
namespaces and mounts, keyrings, bpf, perf, io_uring, kernel modules, clocks, memory that no limit counts (memfd, SysV
shared memory, message queues), and every socket but unix ones. `clone3` does not exist for it (ENOSYS), because its
flags cannot be seen here; libraries then use `clone`, whose namespace flags are refused. Another architecture's calls
(32 bit, x32) end the program.

`program()` is None on a machine whose call numbers are not listed; all other walls stand there too. Numbers: Linux
`asm/unistd_64.h` (x86_64) and `asm-generic/unistd.h` (aarch64).
"""

from __future__ import annotations

import errno
import os
import struct

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _JUMP_EQUAL, _JUMP_SET, _JUMP_ABOVE, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_NR, _ARCH, _ARG0 = 0, 4, 16
_NAMESPACES = 0x7E020000
_UNIX = 1

_X86_64 = """
ptrace=101 syslog=103 personality=135 ustat=136 sched_setparam=142 sched_setscheduler=144 setpriority=141
pivot_root=155 adjtimex=159 chroot=161 acct=163 settimeofday=164 mount=165 umount2=166 swapon=167 swapoff=168
reboot=169 sethostname=170 setdomainname=171 iopl=172 ioperm=173 init_module=175 delete_module=176 quotactl=179
sched_setaffinity=203 lookup_dcookie=212 clock_settime=227 mbind=237 set_mempolicy=238 migrate_pages=256
move_pages=279 vhangup=153 modify_ldt=154 sysfs=139 nfsservctl=180
mq_open=240 mq_unlink=241 kexec_load=246 add_key=248 request_key=249 keyctl=250 ioprio_set=251 unshare=272
perf_event_open=298 fanotify_init=300 name_to_handle_at=303 open_by_handle_at=304 clock_adjtime=305 setns=308
process_vm_readv=310 process_vm_writev=311 kcmp=312 finit_module=313 sched_setattr=314 memfd_create=319
kexec_file_load=320 bpf=321 userfaultfd=323 io_uring_setup=425 io_uring_enter=426 io_uring_register=427
open_tree=428 move_mount=429 fsopen=430 fsconfig=431 fsmount=432 fspick=433 pidfd_getfd=438 process_madvise=440
mount_setattr=442 quotactl_fd=443 landlock_create_ruleset=444 memfd_secret=447 process_mrelease=448
shmget=29 shmat=30 shmctl=31 semget=64 semop=65 semctl=66 msgget=68 msgsnd=69 msgrcv=70 msgctl=71 semtimedop=220
"""
_AARCH64 = """
ptrace=117 syslog=116 personality=92 sched_setparam=118 sched_setscheduler=119 setpriority=140 pivot_root=41
adjtimex=171 chroot=51 acct=89 settimeofday=170 mount=40 umount2=39 swapon=224 swapoff=225 reboot=142 sethostname=161
setdomainname=162 init_module=105 delete_module=106 quotactl=60 sched_setaffinity=122 lookup_dcookie=18
clock_settime=112 mbind=235 set_mempolicy=237 migrate_pages=238 move_pages=239 vhangup=58 nfsservctl=42
mq_open=180 mq_unlink=181 kexec_load=104 add_key=217 request_key=218 keyctl=219 ioprio_set=30 unshare=97
perf_event_open=241 fanotify_init=262 name_to_handle_at=264 open_by_handle_at=265 clock_adjtime=266 setns=268
process_vm_readv=270 process_vm_writev=271 kcmp=272 finit_module=273 sched_setattr=274 memfd_create=279
kexec_file_load=294 bpf=280 userfaultfd=282 io_uring_setup=425 io_uring_enter=426 io_uring_register=427
open_tree=428 move_mount=429 fsopen=430 fsconfig=431 fsmount=432 fspick=433 pidfd_getfd=438 process_madvise=440
mount_setattr=442 quotactl_fd=443 landlock_create_ruleset=444 memfd_secret=447 process_mrelease=448
shmget=194 shmctl=195 shmat=196 semget=190 semctl=191 semtimedop=192 semop=193 msgget=186 msgctl=187 msgrcv=188
msgsnd=189
"""
# machine -> (AUDIT_ARCH, refused calls, clone, clone3, socket, prlimit64)
_MACHINES = {
    "x86_64": (0xC000003E, _X86_64, 56, 435, 41, 302),
    "aarch64": (0xC00000B7, _AARCH64, 220, 435, 198, 261),
}


def program(machine: str | None = None) -> bytes | None:
    """The filter for a machine (this one, unless named); None where it is not known."""
    known = _MACHINES.get(machine or os.uname().machine)
    if known is None:
        return None
    arch, refused, clone, clone3, socket, prlimit = known
    refuse = _returns(_ERRNO | errno.EPERM)
    code = _op(_LOAD, _ARCH) + _op(_JUMP_EQUAL, arch, 1, 0) + _returns(_KILL) + _op(_LOAD, _NR)
    code += _op(_JUMP_ABOVE, 0x40000000, 0, 1) + _returns(_KILL)  # the x32 numbers of x86_64
    for name in refused.split():
        code += _op(_JUMP_EQUAL, int(name.partition("=")[2]), 0, 1) + refuse
    code += _op(_JUMP_EQUAL, clone3, 0, 1) + _returns(_ERRNO | errno.ENOSYS)
    code += _by_argument(clone, _op(_JUMP_SET, _NAMESPACES, 0, 1))
    code += _by_argument(socket, _op(_JUMP_EQUAL, _UNIX, 1, 0))
    code += _by_argument(prlimit, _op(_JUMP_EQUAL, 0, 1, 0))
    return code + _returns(_ALLOW)


def _by_argument(call: int, test: bytes) -> bytes:
    """A call that its first argument decides: `test` leaves out the next instruction, which refuses, or does not."""
    decided = _op(_LOAD, _ARG0) + test + _returns(_ERRNO | errno.EPERM) + _returns(_ALLOW)
    return _op(_JUMP_EQUAL, call, 0, len(decided) // 8) + decided


def _op(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    """One instruction; `then` and `otherwise` are how many instructions are left out."""
    return struct.pack("=HBBI", code, then, otherwise, value)


def _returns(value: int) -> bytes:
    return _op(_RETURN, value)
