// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CAttempts.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/// As the functions of the C library answer.
static int told(long result) { return result < 0 ? errno : 0; }

static int of_descriptor(int descriptor) {
    if (descriptor < 0) return errno;
    close(descriptor);
    return 0;
}

static void *nothing(void *argument) { return argument; }

static int thread(void) {
    pthread_t thread;
    int code = pthread_create(&thread, NULL, nothing, NULL);
    return code ? code : pthread_join(thread, NULL);
}

/// A child ends at once: whoever asked must not be answered twice.
static int process(long child) {
    if (child == 0) _exit(0);
    return told(child);
}

static int internet(const char *port, int listens) {
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (descriptor < 0) return errno;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const struct sockaddr *pointer = (const struct sockaddr *)&address;
    int code = told(listens ? bind(descriptor, pointer, sizeof address) : connect(descriptor, pointer, sizeof address));
    close(descriptor);
    return code;
}

static int unix_listener(const char *path) {
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    if (descriptor < 0) return errno;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int code = told(bind(descriptor, (const struct sockaddr *)&address, sizeof address));
    close(descriptor);
    return code;
}

static int listener(void) {
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (descriptor < 0) return errno;
    // Without an address the kernel chooses one.
    int code = told(listen(descriptor, 1));
    close(descriptor);
    return code;
}

static int look_up(const char *name) {
    struct addrinfo *list = NULL;
    int code = getaddrinfo(name, "80", NULL, &list);
    if (code == 0) freeaddrinfo(list);
    return code == 0 ? 0 : 1000 + abs(code);
}

static int memory(int protection) {
    void *page = mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? errno : told(munmap(page, 4096));
}

static int memory_made_code(void) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? errno : told(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int renamed(const char *path) {
    char other[4096];
    snprintf(other, sizeof other, "%s.renamed", path);
    int code = of_descriptor(open(path, O_CREAT | O_WRONLY, 0600));
    if (code == 0) code = told(rename(path, other));
    if (code == 0) code = told(truncate(other, 0));
    return code ? code : told(unlink(other));
}

static int limit(void) {
    struct rlimit limit = {0, 0};
    return told(prlimit(0, RLIMIT_CORE, &limit, NULL));
}

static int limit_asked(void) {
    struct rlimit limit;
    return told(getrlimit(RLIMIT_NOFILE, &limit));
}

#define IS(text) (strcmp(name, text) == 0)

int chamber_attempt(const char *name, const char *argument) {
    char *const none[] = {NULL};
    char text[8];
    struct iovec piece = {text, sizeof text};
    if (IS("execve")) return told(syscall(SYS_execve, "/bin/true", none, none));
    if (IS("execveat")) return told(syscall(SYS_execveat, AT_FDCWD, "/bin/true", none, none, 0));
    if (IS("ptrace")) return told(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    if (IS("process_vm_readv")) return told(process_vm_readv(getpid(), &piece, 1, &piece, 1, 0));
    if (IS("process_vm_writev")) return told(process_vm_writev(getpid(), &piece, 1, &piece, 1, 0));
    if (IS("bpf")) return told(syscall(SYS_bpf, 0, NULL, 0));
    if (IS("init_module")) return told(syscall(SYS_init_module, NULL, 0, ""));
    if (IS("kexec_load")) return told(syscall(SYS_kexec_load, 0, 0, NULL, 0));
    if (IS("perf_event_open")) return told(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
    if (IS("userfaultfd")) return told(syscall(SYS_userfaultfd, 0));
    if (IS("unshare")) return told(syscall(SYS_unshare, 0));
    if (IS("setns")) return told(syscall(SYS_setns, -1, 0));
    if (IS("mount")) return told(mount("none", "/nowhere", "tmpfs", 0, NULL));
    if (IS("chroot")) return told(chroot("/nowhere"));
    if (IS("clock_settime")) return told(syscall(SYS_clock_settime, CLOCK_REALTIME, NULL));

    if (IS("keyctl")) return told(syscall(SYS_keyctl, 0, -3, 0));
    if (IS("kill")) return told(kill(getppid(), 0));
    if (IS("setrlimit")) return limit();
    if (IS("dumpable")) return told(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
    if (IS("io_uring_setup")) return told(syscall(SYS_io_uring_setup, 1, NULL));
    if (IS("seccomp")) return told(syscall(SYS_seccomp, 2, 0, NULL));
    if (IS("clone3")) return told(syscall(SYS_clone3, NULL, 0));
    if (IS("fork")) return process(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
    if (IS("namespace")) return process(syscall(SYS_clone, 0x10000000 | SIGCHLD, NULL, NULL, NULL, NULL));
    if (IS("packets")) return of_descriptor(socket(AF_PACKET, SOCK_RAW, 0));
    if (IS("kernel-crypto")) return of_descriptor(socket(AF_ALG, SOCK_SEQPACKET, 0));
    if (IS("netlink-other")) return of_descriptor(socket(AF_NETLINK, SOCK_RAW, 4));
    if (IS("listen")) return listener();
    if (IS("executable-memory")) return memory(PROT_READ | PROT_EXEC);
    if (IS("memory-made-code")) return memory_made_code();
    if (IS("terminal-input")) return told(ioctl(0, TIOCSTI, "x"));

    if (IS("thread")) return thread();
    if (IS("memory")) return memory(PROT_READ | PROT_WRITE);
    if (IS("secret-memory")) return of_descriptor((int)syscall(447, O_CLOEXEC));
    if (IS("limit-asked")) return limit_asked();
    if (IS("abort")) abort();

    if (IS("look-up")) return look_up(argument);
    if (IS("bind")) return internet(argument, 1);
    if (IS("connect")) return internet(argument, 0);
    if (IS("unix-listener")) return unix_listener(argument);
    if (IS("read")) return of_descriptor(open(argument, O_RDONLY));
    if (IS("write")) return of_descriptor(open(argument, O_WRONLY | O_APPEND));
    if (IS("create")) return of_descriptor(open(argument, O_CREAT | O_EXCL | O_WRONLY, 0600));
    if (IS("rename")) return renamed(argument);
    if (IS("remove")) return told(unlink(argument));
    if (IS("folder")) return told(mkdir(argument, 0700));
    if (IS("link")) return told(symlink("/etc/passwd", argument));
    if (IS("run")) return told(syscall(SYS_execve, argument, none, none));
    return -1;
}

int chamber_run_deprived(const char *program, char *const *arguments) {
    const uint32_t number = offsetof(struct seccomp_data, nr), first = offsetof(struct seccomp_data, args);
    const uint32_t absent = SECCOMP_RET_ERRNO | ENOSYS;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 6, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 444, 5, 0),
        // The older way to a filter.
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, first),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_GET_SECCOMP, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, absent),
    };
    struct sock_fprog filter = {sizeof code / sizeof code[0], code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0) return errno;
    execv(program, arguments);
    return errno;
}
