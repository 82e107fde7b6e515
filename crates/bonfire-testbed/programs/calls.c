/* Every system call of the README's table that is Linux's and that the other programs do not
   make by way of the C library, made directly, with an answer of each. Says "ok" at the end,
   on Linux as here. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "require.h"

/* The kernel's names for what the C library has its own for. */
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003

#if defined(__aarch64__)
#define MACHINE "aarch64"
#elif defined(__riscv)
#define MACHINE "riscv64"
#else
#define MACHINE "x86_64"
#endif

/* What younger architectures have in one way only, and x86-64 in two. */
static void older_ways(void) {
#ifdef __x86_64__
    char bytes[1];
    struct stat status;
    int ends[2], file = syscall(SYS_open, "/proc/self/status", O_RDONLY | O_CLOEXEC);
    require(file >= 0 && close(file) == 0, "a file opens");
    require(syscall(SYS_stat, "/proc/self/status", &status) == 0 && S_ISREG(status.st_mode), "it has a kind");
    require(syscall(SYS_lstat, "/proc", &status) == 0 && S_ISDIR(status.st_mode), "there are folders");
    require(syscall(SYS_access, "/proc/self/status", R_OK) == 0, "it may be read");
    require(syscall(SYS_readlink, "/proc/self/exe", bytes, 1) == 1 && bytes[0] == '/', "one finds oneself");
    require(syscall(SYS_pipe, ends) == 0 && syscall(SYS_dup2, ends[0], ends[1]) == ends[1], "pipes are copied");
    require(close(ends[0]) == 0 && close(ends[1]) == 0, "and close");
    struct pollfd nothing = { -1, POLLIN, 0 };
    require(syscall(SYS_poll, &nothing, 1, 1) == 0, "a wait for nothing ends");
    require(syscall(SYS_getpgrp) == syscall(SYS_getpgid, 0), "there are groups");
    int end;
    pid_t child = syscall(SYS_fork);
    if (child == 0)
        _exit(9);
    require(waitpid(child, &end, 0) == child && WEXITSTATUS(end) == 9, "a child has an end");
#endif
}

static void files(void) {
    char bytes[64];
    struct stat status, other;
    int file = syscall(SYS_openat, AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC);
    require(file >= 0 && syscall(SYS_read, file, bytes, 5) == 5 && !memcmp(bytes, "Name:", 5), "a file opens");
    require(syscall(SYS_pread64, file, bytes, 4, 1) == 4 && !memcmp(bytes, "ame:", 4), "is read anywhere");
    require(syscall(SYS_fstat, file, &status) == 0 && S_ISREG(status.st_mode), "has a kind");
    require(REFUSED(syscall(SYS_ioctl, file, 0x5401, bytes), ENOTTY), "is no terminal");
    require(stat("/proc/self/status", &other) == 0 && other.st_mode == status.st_mode, "by name, too");
    require(lstat("/proc", &other) == 0 && S_ISDIR(other.st_mode), "there are folders");
    require(syscall(SYS_newfstatat, file, "", &other, AT_EMPTY_PATH) == 0, "an empty name is the file's");
    require(REFUSED(syscall(SYS_newfstatat, AT_FDCWD, "/none", &other, 0), ENOENT), "what is not there is not");
    require(access("/proc/self/status", R_OK) == 0, "it may be read");
    require(syscall(SYS_faccessat, AT_FDCWD, "/proc/self/exe", X_OK) == 0, "this may be executed");
    require(syscall(SYS_close, file) == 0 && REFUSED(syscall(SYS_close, file), EBADF), "it closes once");
    require(readlink("/proc/self/exe", bytes, 1) == 1 && bytes[0] == '/', "one finds oneself");
    require(syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", bytes, 1) == 1, "in either way");
    struct statx long_status;
    require(syscall(SYS_statx, AT_FDCWD, "/proc/self/status", 0, STATX_TYPE, &long_status) == 0, "and at length");
    require(S_ISREG(long_status.stx_mode), "with a kind");
    int null = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);
    require(null >= 0 && syscall(SYS_write, null, "x", 1) == 1, "there is a hole");
    require(syscall(SYS_read, null, bytes, 1) == 0, "with nothing in it");
    close(null);
}

static void memory(void) {
    char *area = (char *)syscall(SYS_mmap, NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(area != MAP_FAILED && area[4096] == 0, "memory begins as zeros");
    area[4096] = 7;
    require(syscall(SYS_madvise, area, 3 * 4096, MADV_DONTNEED) == 0 && area[4096] == 0, "and is zeros again");
    require(syscall(SYS_mprotect, area, 4096, PROT_NONE) == 0, "it can be closed");
    require(REFUSED(syscall(SYS_write, STDOUT_FILENO, area, 1), EFAULT), "then nobody reads it");
    require(REFUSED(syscall(SYS_mprotect, area + 1, 4096, PROT_READ), EINVAL), "by pages");
    void *again = mmap(area, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    require(again == MAP_FAILED && errno == EEXIST, "nobody is pushed away who should not be");
    require(syscall(SYS_munmap, area, 3 * 4096) == 0, "it can be given back");
    char *end = (char *)syscall(SYS_brk, NULL);
    require((char *)syscall(SYS_brk, end + 8192) == end + 8192, "the heap grows");
    end[8191] = 1;
    require((char *)syscall(SYS_brk, end) == end, "and shrinks");
    int file = syscall(SYS_memfd_create, "some", 0);
    require(syscall(SYS_ftruncate, file, 5000) == 0, "memory can be a file");
    require(syscall(SYS_pwrite64, file, "abc", 3, 4095) == 3 && lseek(file, 0, SEEK_END) == 5000, "and be written");
    close(file);
}

static volatile sig_atomic_t handled;
static char other_stack[1 << 14];

static void on_signal(int signal, siginfo_t *info, void *context) {
    char here;
    (void)context;
    require(info->si_signo == signal, "a handler is told what came");
    handled = &here >= other_stack && &here < other_stack + sizeof other_stack ? 2 : 1;
}

static void signals(void) {
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
    sigaction(SIGUSR1, &action, NULL);
    require(syscall(SYS_tkill, syscall(SYS_gettid), SIGUSR1) == 0 && handled == 1, "a thread gets a signal");
    stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof other_stack };
    require(syscall(SYS_sigaltstack, &stack, NULL) == 0, "there may be a stack for that");
    action.sa_flags |= SA_ONSTACK;
    sigaction(SIGUSR1, &action, NULL);
    require(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1) == 0 && handled == 2, "on which the handler runs");
    require(REFUSED(syscall(SYS_tgkill, getpid() + 1, getpid(), SIGUSR1), ESRCH), "nobody is meant by mistake");
    uint64_t usr1 = 1 << (SIGUSR1 - 1), before;
    handled = 0;
    require(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &usr1, &before, 8) == 0, "signals can be held off");
    require(syscall(SYS_kill, getpid(), SIGUSR1) == 0 && handled == 0, "and wait");
    require(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, 8) == 0 && handled == 2, "until they may come");
    require(REFUSED(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &usr1, NULL, 4), EINVAL), "a set is 8 bytes");
    pid_t child = fork();
    if (child == 0)
        for (;;) {
            usleep(2000);
            kill(getppid(), SIGUSR1);
        }
    require(REFUSED(pause(), EINTR), "one can wait for one");
    kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0)
        ;
}

static char child_stack[1 << 14];

static void processes(void) {
    int status;
    pid_t child = fork();
    if (child == 0)
        syscall(SYS_exit_group, 3);
    require(syscall(SYS_wait4, child, &status, 0, NULL) == child && WEXITSTATUS(status) == 3, "a child has an end");
    child = vfork();
    if (child == 0)
        _exit(4);
    require(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 4, "also one in our memory");
    child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0)
        syscall(SYS_exit, 5);
    require(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5, "there are more ways");
    struct clone_args wish = { .exit_signal = SIGCHLD };
    child = syscall(SYS_clone3, &wish, sizeof wish);
    if (child == 0)
        _exit(6);
    require(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 6, "of which this is the last");
    require(REFUSED(syscall(SYS_clone3, &wish, 8), EINVAL), "with a whole wish");
    require(REFUSED(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, child_stack, NULL, NULL, NULL), EINVAL), "that can be");
    child = fork();
    if (child == 0) {
        char *arguments[] = { "calls", "child", NULL };
        execve("/proc/self/exe", arguments, NULL);
        _exit(1);
    }
    require(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 8, "a new image begins anew");
    require(REFUSED(syscall(SYS_execve, "/none", NULL, NULL), ENOENT), "if there is one");
    require(syscall(SYS_getppid) >= 0 && syscall(SYS_getpid) > 0, "all have numbers");
    require(getpgrp() == syscall(SYS_getpgid, 0), "and groups");
    require(REFUSED(syscall(SYS_setpgid, 0, 1 << 21), EPERM), "that are there");
}

static void threads(void) {
    uint64_t cpus = 0;
    unsigned cpu;
    int word = 1, id = syscall(SYS_gettid);
    require(syscall(SYS_set_tid_address, &word) == id, "a thread has a number");
    require(syscall(SYS_sched_getaffinity, 0, 8, &cpus) == 8 && cpus != 0, "it may run on CPUs");
    require(syscall(SYS_sched_setaffinity, 0, 8, &cpus) == 0, "which one can choose");
    uint64_t none = 0;
    require(REFUSED(syscall(SYS_sched_setaffinity, 0, 8, &none), EINVAL), "among those that there are");
    require(syscall(SYS_getcpu, &cpu, NULL, NULL) == 0 && cpus >> cpu & 1, "and is on one of them");
    require(syscall(SYS_sched_yield) == 0, "it gives turns to others");
    require(syscall(SYS_setpriority, PRIO_PROCESS, 0, 5) == 0, "it can be nice");
    require(syscall(SYS_getpriority, PRIO_PROCESS, 0) == 15, "which is kept");
    struct sched_param usual = { 0 };
    require(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &usual) == 0, "it is scheduled as usual");
    require(syscall(SYS_sched_getscheduler, 0) == SCHED_OTHER, "which can be asked");
    uint32_t attributes[12] = { sizeof attributes, SCHED_OTHER, 0, 0, 6 };
    require(syscall(SYS_sched_setattr, 0, attributes, 0) == 0, "at length");
    require(syscall(SYS_getpriority, PRIO_PROCESS, 0) == 14, "and is nicer");
    require(REFUSED(syscall(SYS_set_robust_list, NULL, 8), EINVAL), "a list of locks has a head");
#ifdef SYS_arch_prctl
    unsigned long pointer;
    require(syscall(SYS_arch_prctl, ARCH_GET_FS, &pointer) == 0, "its variables are somewhere");
    require(syscall(SYS_arch_prctl, ARCH_SET_FS, pointer) == 0, "where one puts them");
    require(REFUSED(syscall(SYS_arch_prctl, ARCH_SET_FS, 1UL << 63), EPERM), "in one's own memory");
#endif
    require(REFUSED(syscall(SYS_futex, &word, FUTEX_WAIT, 2, NULL, NULL, 0), EAGAIN), "no wait is in vain");
    require(REFUSED(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 1, NULL, NULL, 0), EINVAL), "or for nobody");
    require(syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0, "nobody waits");
    static _Alignas(32) char area[32];
    require(syscall(SYS_rseq, area, 8, 0, 0) == -1 && errno == EINVAL, "sections have an area");
    require(syscall(SYS_membarrier, 0, 0, 0) > 0, "and there are barriers");
}

static void times(void) {
    struct timespec time = { 0, 1000000 }, left;
    require(syscall(SYS_nanosleep, &time, NULL) == 0, "one sleeps");
    require(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, &left) == 0, "by a clock");
    require(syscall(SYS_clock_getres, CLOCK_MONOTONIC, &time) == 0 && time.tv_sec == 0, "which has small ticks");
    require(syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &time) == 0, "since boot");
    time = (struct timespec){ 0, 1000000000 };
    require(REFUSED(syscall(SYS_nanosleep, &time, NULL), EINVAL), "of a whole second there is none");
    require(REFUSED(syscall(SYS_restart_syscall), EINTR), "nothing is to go on");
    struct pollfd nothing = { -1, POLLIN, 0 };
    require(poll(&nothing, 1, 1) == 0, "a wait for nothing ends");
    struct timespec short_time = { 0, 1000 };
    require(syscall(SYS_ppoll, &nothing, 1, &short_time, NULL, 8) == 0, "and so does one with a finer time");
}

static void the_system(void) {
    struct utsname names;
    struct rlimit limit;
    char bytes[32] = { 0 }, zeros[32] = { 0 };
    require(syscall(SYS_uname, &names) == 0 && !strcmp(names.machine, MACHINE), "it has a name");
    require(syscall(SYS_prlimit64, 0, RLIMIT_STACK, NULL, &limit) == 0 && limit.rlim_cur > 0, "it has limits");
    require(syscall(SYS_getrandom, bytes, 32, 0) == 32 && memcmp(bytes, zeros, 32), "numbers differ");
    require(syscall(SYS_getuid) == syscall(SYS_geteuid), "somebody is at it");
    require(syscall(SYS_getgid) == syscall(SYS_getegid), "in a group");
    require(syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL) == 0, "children can follow their parents");
    int signal = 0;
    require(syscall(SYS_prctl, PR_GET_PDEATHSIG, &signal) == 0 && signal == SIGKILL, "which can be asked");
    syscall(SYS_prctl, PR_SET_PDEATHSIG, 0);
}

static void descriptors(void) {
    int ends[2], copy;
    require(pipe(ends) == 0 && (copy = syscall(SYS_dup, ends[1])) > 0, "descriptors are copied");
    require(dup2(ends[1], copy) == copy, "to where one wants them");
    require(syscall(SYS_dup3, ends[1], copy, O_CLOEXEC) == copy, "as one wants them");
    require(syscall(SYS_fcntl, copy, F_GETFL) == O_WRONLY, "for writing");
    int counter = syscall(SYS_eventfd2, 3, 0);
    uint64_t value;
    require(syscall(SYS_read, counter, &value, 8) == 8 && value == 3, "there are numbers to wait for");
    require(syscall(SYS_pipe2, ends, O_NONBLOCK) == 0 && REFUSED(read(ends[0], &value, 1), EAGAIN), "and pipes");
    require(REFUSED(syscall(SYS_lseek, ends[0], 0, SEEK_SET), ESPIPE), "without places");
}

int main(int count, char **arguments) {
    if (count > 1 && !strcmp(arguments[1], "child"))
        return 8;
    older_ways();
    files();
    memory();
    signals();
    processes();
    times();
    the_system();
    descriptors();
    threads();
    puts("ok");
    return 0;
}
