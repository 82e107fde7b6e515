/* Waits that signals come in between. A wait ends early when a handler ran in its thread,
   and only then, however many threads a signal might have gone to. Says "ok" at the end, on
   Linux as here. */

#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <linux/futex.h>
#include <time.h>
#include <unistd.h>

#include "require.h"

#define THREADS 4

static __thread volatile sig_atomic_t handled;
static atomic_int running, word;
static atomic_long ended_early;

static void on_signal(int signal) {
    (void)signal;
    handled++;
}

/* One wait of each kind; -1 with EINTR, or its time is over. */
static int wait_once(int kind) {
    struct timespec time = { 0, 20000000 };
    if (kind == 0)
        return nanosleep(&time, NULL);
    if (kind == 1)
        return poll(NULL, 0, 20);
    int result = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0);
    return result == -1 && errno == ETIMEDOUT ? 0 : result;
}

static void *wait_often(void *unused) {
    for (int round = 0; round < 15; round++) {
        int before = handled;
        errno = 0;
        int result = wait_once(round % 3);
        require(result == 0 || errno == EINTR, "a wait ends in time, or early");
        require((result != 0) <= (handled != before), "early only if a handler ran");
        atomic_fetch_add(&ended_early, result != 0);
    }
    atomic_fetch_sub(&running, 1);
    return unused;
}

static long elapsed_ms(struct timespec since) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - since.tv_sec) * 1000 + (now.tv_nsec - since.tv_nsec) / 1000000;
}

/* Stopping and going on again runs no handler: the wait goes on where it was. */
static void clocks(void) {
    struct timespec began, moment = { 0, 30000000 }, real;
    clock_gettime(CLOCK_MONOTONIC, &began);
    require(clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL) == 0, "one sleeps for a time");
    require(elapsed_ms(began) >= 30, "and that long");
    clock_gettime(CLOCK_REALTIME, &real);
    require(real.tv_sec > 1700000000, "the time of day is one of these years'");
    real.tv_nsec += 20000000;
    real.tv_sec += real.tv_nsec / 1000000000;
    real.tv_nsec %= 1000000000;
    clock_gettime(CLOCK_MONOTONIC, &began);
    require(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &real, NULL) == 0, "or until one");
    require(elapsed_ms(began) < 10000, "which comes");
    require(REFUSED(clock_gettime(77, &real), EINVAL), "there is no such clock");
    require(REFUSED(syscall(SYS_restart_syscall), EINTR), "nothing is to go on");
}

int main(void) {
    pthread_t threads[THREADS];
    struct sigaction action = { .sa_handler = on_signal };
    sigaction(SIGUSR1, &action, NULL);
    clocks();
    atomic_store(&running, THREADS);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, wait_often, NULL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    while (atomic_load(&running) > 0) {
        kill(getpid(), SIGUSR1);
        struct timespec moment = { 0, 5000000 };
        clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    require(atomic_load(&ended_early) > 0, "some wait was ended early");
    puts("ok");
    return 0;
}
