// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/types.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

int chamber_memfd_secret(void) { return (int)syscall(SYS_memfd_secret, O_CLOEXEC); }

int chamber_exclude_from_core_dump(void *start, size_t length) { return madvise(start, length, MADV_DONTDUMP); }

int chamber_set_not_dumpable(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

int chamber_get_dumpable(void) { return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0); }

int chamber_set_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

int chamber_forbid_core_files(void) {
    struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none);
}

int chamber_lock_memory_on_fault(void) { return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT); }

uint64_t chamber_locked_memory_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return 0;
    return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : (uint64_t)limit.rlim_cur;
}

void chamber_set_thread_name(const char *name) {
    char short_name[16];
    strncpy(short_name, name, sizeof short_name - 1);
    short_name[sizeof short_name - 1] = 0;
    pthread_setname_np(pthread_self(), short_name);
}

static uint64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t chamber_process_cpu_nanoseconds(void) { return nanoseconds(CLOCK_PROCESS_CPUTIME_ID); }

uint64_t chamber_thread_cpu_nanoseconds(void) { return nanoseconds(CLOCK_THREAD_CPUTIME_ID); }

uint64_t chamber_realtime_nanoseconds(void) { return nanoseconds(CLOCK_REALTIME); }

uint64_t chamber_monotonic_nanoseconds(void) { return nanoseconds(CLOCK_MONOTONIC); }

int chamber_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int chamber_try_lock_file(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB); }

void chamber_unlock_file(int descriptor) { flock(descriptor, LOCK_UN); }

int chamber_prepare_descriptor(int descriptor, int nonblocking) {
    if (fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0) return -1;
    if (!nonblocking) return 0;
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 ? -1 : fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

int chamber_open(const char *path, int flags, unsigned int mode) { return open(path, flags | O_CLOEXEC, mode); }

int chamber_available_processors(void) {
    cpu_set_t mask;
    return sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : 1;
}

int chamber_get_no_new_privileges(void) { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); }

static uint64_t raise_limit(int resource, uint64_t most) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) return 0;
    struct rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max < most ? limit.rlim_max : most;
    if (raised.rlim_cur > limit.rlim_cur && setrlimit(resource, &raised) == 0) limit = raised;
    return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : (uint64_t)limit.rlim_cur;
}

uint64_t chamber_raise_open_files_limit(uint64_t most) { return raise_limit(RLIMIT_NOFILE, most); }

uint64_t chamber_raise_locked_memory_limit(void) { return raise_limit(RLIMIT_MEMLOCK, RLIM_INFINITY); }

int chamber_core_files_forbidden(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0;
}

static const int crash_signals[] = {SIGQUIT, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};
#define CRASH_SIGNALS (sizeof crash_signals / sizeof crash_signals[0])

int chamber_caught_crash_signals(void) {
    int caught = 0;
    for (size_t i = 0; i < CRASH_SIGNALS; i++) {
        struct sigaction action;
        if (sigaction(crash_signals[i], NULL, &action) != 0) return -1;
        caught += (action.sa_flags & SA_SIGINFO) || (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
    }
    return caught;
}

int chamber_reset_crash_signals(void) {
    struct sigaction plain = {.sa_handler = SIG_DFL};
    for (size_t i = 0; i < CRASH_SIGNALS; i++)
        if (sigaction(crash_signals[i], &plain, NULL) != 0) return -1;
    return 0;
}

int chamber_ignore_broken_pipes(void) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    return sigaction(SIGPIPE, &ignore, NULL);
}

unsigned int chamber_set_umask(unsigned int mask) { return umask(mask); }

int chamber_timerfd(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC); }

int chamber_arm_timer(int timer, uint32_t nanoseconds) {
    struct itimerspec when = {.it_value = {.tv_sec = 0, .tv_nsec = nanoseconds}};
    return timerfd_settime(timer, 0, &when, 0);
}

// Landlock has no functions in the C library, and the distribution's header knows only the first rights.
#define LANDLOCK_CREATE_RULESET 444
#define LANDLOCK_ADD_RULE 445
#define LANDLOCK_RESTRICT_SELF 446
#define LANDLOCK_VERSION_FLAG 1
#define LANDLOCK_PATH_RULE 1
#define LANDLOCK_PORT_RULE 2
// EXECUTE, WRITE_FILE, READ_FILE, TRUNCATE, IOCTL_DEV: rights to the content of a file; all others are of folders.
#define LANDLOCK_FILE_RIGHTS ((uint64_t)(1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15))

int chamber_landlock_version(void) {
    return (int)syscall(LANDLOCK_CREATE_RULESET, NULL, (size_t)0, LANDLOCK_VERSION_FLAG);
}

int chamber_landlock_ruleset(uint64_t files, uint64_t ports, uint64_t scopes, int version) {
    struct {
        uint64_t files, ports, scopes;
    } rights = {files, ports, scopes};
    // Kernels refuse a longer structure than theirs unless the rest is zero, which it is.
    size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
    return (int)syscall(LANDLOCK_CREATE_RULESET, &rights, size, 0);
}

int chamber_landlock_allow_path(int ruleset, const char *path, uint64_t rights) {
    int descriptor = open(path, O_PATH | O_CLOEXEC);
    if (descriptor < 0) return -1;
    struct stat status;
    struct {
        uint64_t rights;
        int32_t descriptor;
    } __attribute__((packed)) rule = {rights, descriptor};
    int result = fstat(descriptor, &status);
    if (result == 0 && !S_ISDIR(status.st_mode)) rule.rights &= LANDLOCK_FILE_RIGHTS;
    if (result == 0) result = (int)syscall(LANDLOCK_ADD_RULE, ruleset, LANDLOCK_PATH_RULE, &rule, 0);
    int code = errno;
    close(descriptor);
    errno = code;
    return result;
}

int chamber_landlock_allow_port(int ruleset, uint16_t port, uint64_t rights) {
    struct {
        uint64_t rights, port;
    } rule = {rights, port};
    return (int)syscall(LANDLOCK_ADD_RULE, ruleset, LANDLOCK_PORT_RULE, &rule, 0);
}

int chamber_landlock_restrict(int ruleset) { return (int)syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0); }

int chamber_socket_owner(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -1;
    strcpy(address.sun_path, path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    struct ucred owner = {.pid = -1};
    socklen_t length = sizeof owner;
    int result = connect(descriptor, (const struct sockaddr *)&address, sizeof address);
    if (result == 0) result = getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &owner, &length);
    close(descriptor);
    return result == 0 && owner.pid > 0 ? (int)owner.pid : -1;
}

int chamber_clock_is_synchronized(void) {
    struct timex clock = {.modes = 0};
    int state = adjtimex(&clock);
    if (state < 0) return -1;
    return state != TIME_ERROR && !(clock.status & STA_UNSYNC);
}
