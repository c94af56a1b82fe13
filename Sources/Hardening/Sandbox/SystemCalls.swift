// SPDX-License-Identifier: Apache-2.0

/// The system calls of a signer that serves, in groups. Names are those of the kernel; a name that a processor does not
/// have counts for nothing there.
enum SystemCalls {
    /// What only an intruder tries: the attempt ends the process at once (SIGSYS), before a second one. Nothing that we
    /// link makes any of these calls, so that no library's probing can end a signer by mistake.
    static let hostile = [
        // Other programs.
        "execve", "execveat",
        // Other processes' memory and descriptors.
        "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
        // The kernel itself.
        "bpf", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "perf_event_open",
        "userfaultfd", "iopl", "ioperm", "modify_ldt", "reboot", "swapon", "swapoff", "acct", "lookup_dcookie",
        // Namespaces and mounts.
        "unshare", "setns", "mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen",
        "fsmount", "fsconfig", "fspick", "mount_setattr", "open_by_handle_at",
        // The clock, on which the clock guard relies.
        "settimeofday", "clock_settime", "stime",
    ]

    /// Refused with EPERM: an intruder might want them, and a library might try them in good faith. Kerberos, where a
    /// system's configuration keeps credentials in the kernel, asks for keys before it looks elsewhere.
    static let forbidden = ["keyctl", "add_key", "request_key", "listen", "setrlimit", "kill", "tkill", "personality"]

    /// Allowed whatever their arguments.
    static let allowed =
        files + folders + connections + waiting + memory + threads + identity + signals + clocks

    private static let files = [
        "read", "pread64", "readv", "preadv", "preadv2", "write", "pwrite64", "writev", "pwritev", "pwritev2", "open",
        "openat", "close", "close_range", "stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "lseek",
        "access", "faccessat", "faccessat2", "fsync", "fdatasync", "sync_file_range", "ftruncate", "truncate",
        "fallocate", "fadvise64", "flock", "fcntl", "dup", "dup2", "dup3", "chmod", "fchmod", "fchmodat", "fchown",
        "utimensat", "umask", "copy_file_range", "sendfile", "getxattr", "lgetxattr", "fgetxattr", "listxattr",
        "llistxattr", "flistxattr",
    ]

    private static let folders = [
        "getdents64", "getdents", "getcwd", "readlink", "readlinkat", "rename", "renameat", "renameat2", "unlink",
        "unlinkat", "link", "linkat", "mkdir", "mkdirat", "rmdir",
    ]

    /// Not `listen`, and `socket` and `bind` only for what looks names up: no new listeners.
    private static let connections = [
        "connect", "accept", "accept4", "getsockname", "getpeername", "getsockopt", "setsockopt", "sendto", "recvfrom",
        "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "shutdown", "socketpair",
    ]

    private static let waiting = [
        "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll",
        "select", "pselect6", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime", "signalfd4", "pipe",
        "pipe2",
    ]

    /// Not `mmap` and `mprotect`, whose arguments are looked at.
    private static let memory = [
        "munmap", "mremap", "madvise", "brk", "mlock", "mlock2", "munlock", "mlockall", "munlockall", "mincore",
        "msync", "membarrier", "memfd_secret", "getrandom", "get_mempolicy",
    ]

    private static let threads = [
        "futex", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "exit", "exit_group",
        "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_getscheduler",
        "sched_get_priority_max", "sched_get_priority_min", "getpriority", "setpriority", "getcpu", "restart_syscall",
    ]

    private static let identity = [
        "gettid", "getpid", "getppid", "getpgrp", "getpgid", "getsid", "getuid", "geteuid", "getgid", "getegid",
        "getresuid", "getresgid", "getgroups", "getrlimit", "getrusage", "sysinfo", "uname", "capget",
    ]

    private static let signals = [
        "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigpending", "rt_sigtimedwait",
        "sigaltstack",
    ]

    private static let clocks = [
        "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times",
    ]
}
