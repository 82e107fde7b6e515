/*
 * A smoke test of membarrier(2), for the author of a kernel to compile first:
 *
 *     cc -O2 -static -pthread docs/smoke.c -o smoke && ./smoke
 *
 * It asks QUERY, tries the gate of PRIVATE_EXPEDITED from both sides, and lets two
 * threads race. Each line begins with ok, FAIL or hint; the exit status is 1 if one
 * failed. The race is a hint: it convicts a kernel without barriers on most machines,
 * and acquits none. What judges is `bonfire check`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { QUERY = 0, PRIVATE = 8, REGISTER = 16, UNKNOWN = 1 << 30, ROUNDS = 20000, SECONDS = 2, COLD = 16 };

static int failed;

/* By the raw call: a C library may register on its own when it has a function. */
static long barrier(long cmd) { return syscall(SYS_membarrier, cmd, 0, 0) < 0 ? -errno : 0; }

static void expect(const char *what, long cmd, long answer) {
    long got = barrier(cmd);
    printf("%s %s: %ld, must be %ld\n", got == answer ? "ok  " : "FAIL", what, got, answer);
    failed |= got != answer;
}

/* Store buffering: each thread stores to its own word and reads the other's. With a
 * barrier between in one and an order for the compiler in the other, both cannot
 * read 0. The stores to cold lines keep the store that follows waiting. */
static _Alignas(64) atomic_int x, y, go, done;
static struct { _Alignas(4096) atomic_int line; } cold[COLD];
static int read_by_light;

/* Until `word` is `round` or beyond; on a busy machine the other may have no CPU. */
static void await(atomic_int *word, int round) {
    for (unsigned spins = 1; atomic_load(word) < round; spins++)
        if (spins % 1024 == 0)
            sched_yield();
}

static void *light(void *unused) {
    for (int round = 1;; round++) {
        await(&go, round);
        if (atomic_load(&go) > 2 * ROUNDS)
            return unused;
        for (int i = 0; i < COLD; i++)
            atomic_store_explicit(&cold[i].line, round, memory_order_relaxed);
        atomic_store_explicit(&x, round, memory_order_relaxed);
        __asm__ volatile("" ::: "memory");
        read_by_light = atomic_load_explicit(&y, memory_order_relaxed);
        atomic_store(&done, round);
    }
}

/* Says in how many of the rounds from `round` on both read what was before, with
 * `cmd` between; returns the round that follows. */
static int race(long cmd, int round, int *seen) {
    time_t end = time(NULL) + SECONDS;
    for (int last = round + ROUNDS; round < last && time(NULL) <= end; round++) {
        for (int i = 0; i < COLD; i++)
            atomic_fetch_add(&cold[i].line, 1);
        atomic_store(&go, round);
        for (volatile int delay = round % 200; delay > 0; delay--)
            ;
        atomic_store_explicit(&y, round, memory_order_relaxed);
        barrier(cmd);
        int mine = atomic_load_explicit(&x, memory_order_relaxed);
        await(&done, round);
        *seen += mine != round && read_by_light != round;
    }
    return round;
}

int main(void) {
    long mask = syscall(SYS_membarrier, QUERY, 0, 0);
    printf("%s QUERY: %#lx\n", mask < 0 ? "FAIL" : "ok  ", mask);
    if (mask < 0 || !(mask & PRIVATE))
        return mask < 0;
    expect("an unknown command", UNKNOWN, -EINVAL);
    expect("PRIVATE_EXPEDITED before it is registered", PRIVATE, -EPERM);
    expect("its registration", REGISTER, 0);
    expect("PRIVATE_EXPEDITED after that", PRIVATE, 0);

    pthread_t thread;
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2 || pthread_create(&thread, NULL, light, NULL))
        return puts("hint no race: it takes two CPUs and a thread"), failed;
    int without = 0, with = 0, twins = race(UNKNOWN, 1, &without), end = race(PRIVATE, twins, &with);
    atomic_store(&go, 2 * ROUNDS + 1);
    pthread_join(thread, NULL);
    printf("%s both read the old value in %d of %d rounds, without the barrier in %d of %d\n",
           with ? "FAIL" : "hint", with, end - twins, without, twins - 1);
    return failed | (with != 0);
}
