// SPDX-License-Identifier: Apache-2.0
// What Linux has and Swift's Glibc module does not: variadic calls, macros, and calls behind _GNU_SOURCE.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// memfd_secret(2): a descriptor whose pages the kernel itself cannot read. -1 and errno where there is none.
int chamber_memfd_secret(void);

/// madvise(MADV_DONTDUMP), so that a core dump never holds the range.
int chamber_exclude_from_core_dump(void *start, size_t length);

/// prctl(PR_SET_DUMPABLE, 0).
int chamber_set_not_dumpable(void);
/// prctl(PR_GET_DUMPABLE).
int chamber_get_dumpable(void);
/// prctl(PR_SET_NO_NEW_PRIVS, 1).
int chamber_set_no_new_privileges(void);
/// setrlimit(RLIMIT_CORE, 0, 0).
int chamber_forbid_core_files(void);
/// mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT): locks pages as they are touched, not whole reserved stacks.
int chamber_lock_memory_on_fault(void);
/// The soft limit on locked memory in bytes; UINT64_MAX is unlimited.
uint64_t chamber_locked_memory_limit(void);
/// pthread_setname_np for the calling thread; at most 15 bytes of the name are kept.
void chamber_set_thread_name(const char *name);
/// CPU time of the calling thread in nanoseconds.
uint64_t chamber_thread_cpu_nanoseconds(void);

/// CPU time of the calling process in nanoseconds.
uint64_t chamber_process_cpu_nanoseconds(void);
/// CLOCK_REALTIME in nanoseconds since 1970.
uint64_t chamber_realtime_nanoseconds(void);
/// CLOCK_MONOTONIC in nanoseconds.
uint64_t chamber_monotonic_nanoseconds(void);
/// eventfd(2): non-blocking, close-on-exec, counting from 0. -1 and errno on failure.
int chamber_eventfd(void);
/// A lock on the whole file that belongs to the open file description and ends with it: flock(LOCK_EX|LOCK_NB).
int chamber_try_lock_file(int descriptor);
/// Ends the lock of chamber_try_lock_file, in every descriptor of the same opening.
void chamber_unlock_file(int descriptor);
/// fcntl(F_SETFD, FD_CLOEXEC) and O_NONBLOCK where `nonblocking` is not zero.
int chamber_prepare_descriptor(int descriptor, int nonblocking);
/// open(2) with O_CLOEXEC; variadic in C.
int chamber_open(const char *path, int flags, unsigned int mode);
/// The number of processors in the affinity mask (sched_getaffinity, CPU_COUNT).
int chamber_available_processors(void);
/// prctl(PR_GET_NO_NEW_PRIVS).
int chamber_get_no_new_privileges(void);
/// Raises the soft limit on open files (RLIMIT_NOFILE) to the hard one, or to `most`; never lowers it. The limit that
/// holds, UINT64_MAX for none.
uint64_t chamber_raise_open_files_limit(uint64_t most);
/// Raises the soft limit on locked memory (RLIMIT_MEMLOCK) to the hard one. The limit that holds, UINT64_MAX for none.
uint64_t chamber_raise_locked_memory_limit(void);
/// Whether both limits of RLIMIT_CORE are 0.
int chamber_core_files_forbidden(void);
/// How many of the signals that a crash raises (QUIT ABRT BUS FPE ILL SEGV TRAP) have a handler; -1 and errno.
int chamber_caught_crash_signals(void);
/// Gives the signals that a crash raises their default action. 0, or -1 and errno.
int chamber_reset_crash_signals(void);
/// sigaction(SIGPIPE, SIG_IGN).
int chamber_ignore_broken_pipes(void);
/// umask(2); the mask before.
unsigned int chamber_set_umask(unsigned int mask);
/// timerfd_create(2) on CLOCK_MONOTONIC, not blocking, closed on exec. -1 and errno.
int chamber_timerfd(void);
/// Makes a timer descriptor readable once, so many nanoseconds from now (timerfd_settime); an earlier setting is void.
int chamber_arm_timer(int timer, uint32_t nanoseconds);

/// The version of Landlock that the kernel offers (landlock(7)); -1 and errno where there is none.
int chamber_landlock_version(void);
/// A ruleset that handles these rights to files and TCP ports and scopes; a descriptor, or -1 and errno. `version` as the
/// kernel offers it: what it does not know must be 0.
int chamber_landlock_ruleset(uint64_t files, uint64_t ports, uint64_t scopes, int version);
/// Allows rights below a folder, or to a file, for which only the rights that files have count. -1 and errno.
int chamber_landlock_allow_path(int ruleset, const char *path, uint64_t rights);
/// Allows rights to a TCP port. -1 and errno.
int chamber_landlock_allow_port(int ruleset, uint16_t port, uint64_t rights);
/// Holds the calling thread, and all that it starts from now on, to the ruleset. -1 and errno.
int chamber_landlock_restrict(int ruleset);
/// The process that listens at a Unix socket (SO_PEERCRED); -1 where nobody does.
int chamber_socket_owner(const char *path);
/// Whether the kernel's clock is kept in step (adjtimex(2), read only): 1 or 0; -1 and errno.
int chamber_clock_is_synchronized(void);
