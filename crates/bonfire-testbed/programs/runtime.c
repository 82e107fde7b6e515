/* The shape of a runtime for light threads, as Go's: tasks in queues, one for each of a few
   processors, which far more threads of the system hand each other; idle threads park on a
   futex of their own, and a watcher preempts who runs for long by a signal to the thread,
   taken on a stack of its own. A task reads what another wrote under asymmetric fences: a
   light one where it checks for a stop of the world, the heavy one in who stops it. */

#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#include "fences.h"

#define PROCESSORS 4
#define THREADS 24
#define TASKS 64

static struct processor {
    _Alignas(64) atomic_int taken;
    /* A ring: whoever has the processor puts in, anybody takes out. */
    atomic_uint head, tail;
    atomic_int ring[TASKS * PROCESSORS];
    /* Set while a task looks at the world. */
    _Alignas(64) atomic_int is_in_world;
} processors[PROCESSORS];

static struct thread {
    _Alignas(64) atomic_int is_parked;
    atomic_int next;
    char stack[1 << 15];
} threads[THREADS];

/* The threads that are parked, as a stack with a count against mixing up. */
static _Atomic uint64_t parked = (uint32_t)-1;
static atomic_int world_stops, done;
static atomic_long world, steps[TASKS], wrong;
static atomic_int left;
static __thread struct processor *own;
static __thread volatile sig_atomic_t should_yield;
static pthread_t handles[THREADS];
static long most;

static void wait_on(atomic_int *word, int value) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(atomic_int *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static void park(int self) {
    struct thread *thread = &threads[self];
    atomic_store(&thread->is_parked, 1);
    uint64_t top = atomic_load(&parked);
    do
        atomic_store(&thread->next, (int)(uint32_t)top);
    while (!atomic_compare_exchange_weak(&parked, &top, ((top >> 32) + 1) << 32 | (uint32_t)self));
    while (atomic_load(&thread->is_parked) && !atomic_load(&done)) {
        struct timespec moment = { 0, 50000000 };
        syscall(SYS_futex, &thread->is_parked, FUTEX_WAIT_PRIVATE, 1, &moment, NULL, 0);
    }
}

static void unpark_one(void) {
    uint64_t top = atomic_load(&parked);
    while ((uint32_t)top != (uint32_t)-1) {
        struct thread *thread = &threads[(uint32_t)top];
        uint64_t below = ((top >> 32) + 1) << 32 | (uint32_t)atomic_load(&thread->next);
        if (atomic_compare_exchange_weak(&parked, &top, below)) {
            atomic_store(&thread->is_parked, 0);
            wake(&thread->is_parked, 1);
            return;
        }
    }
}

static void put(struct processor *processor, int task) {
    unsigned tail = atomic_load(&processor->tail);
    atomic_store(&processor->ring[tail % (TASKS * PROCESSORS)], task);
    atomic_store(&processor->tail, tail + 1);
}

static int take(struct processor *processor) {
    unsigned head = atomic_load(&processor->head);
    while (head != atomic_load(&processor->tail)) {
        int task = atomic_load(&processor->ring[head % (TASKS * PROCESSORS)]);
        if (atomic_compare_exchange_weak(&processor->head, &head, head + 1))
            return task;
    }
    return -1;
}

static int find_task(void) {
    int task = take(own);
    for (int i = 0; task < 0 && i < PROCESSORS; i++)
        task = take(&processors[i]);
    return task;
}

/* Between two safepoints a task may rely on the world's not changing. */
static void step(int task) {
    for (;;) {
        delay_stores();
        atomic_store_explicit(&own->is_in_world, 1, memory_order_relaxed);
        light();
        if (!atomic_load_explicit(&world_stops, memory_order_acquire))
            break;
        atomic_store_explicit(&own->is_in_world, 0, memory_order_release);
        wait_on(&world_stops, 1);
    }
    long before = atomic_load_explicit(&world, memory_order_relaxed);
    for (int look = 0; look < LOOKS && !should_yield; look++)
        if (atomic_load_explicit(&world, memory_order_relaxed) != before) {
            atomic_fetch_add(&wrong, 1);
            break;
        }
    atomic_store_explicit(&own->is_in_world, 0, memory_order_release);
    atomic_fetch_add(&steps[task], 1);
}

static void run_task(int task) {
    should_yield = 0;
    while (atomic_load(&steps[task]) < most && !should_yield)
        step(task);
    if (atomic_load(&steps[task]) < most)
        put(own, task);
    else if (atomic_fetch_sub(&left, 1) == 1)
        atomic_store(&done, 1);
}

static void on_preempt(int signal) {
    (void)signal;
    should_yield = 1;
}

static void *run_thread(void *argument) {
    int self = (long)argument;
    stack_t stack = { .ss_sp = threads[self].stack, .ss_size = sizeof threads[self].stack };
    sigaltstack(&stack, NULL);
    while (!atomic_load(&done)) {
        int taken = 0;
        for (int i = 0; i < PROCESSORS && !taken; i++) {
            own = &processors[(self + i) % PROCESSORS];
            taken = !atomic_exchange(&own->taken, 1);
        }
        if (!taken) {
            park(self);
            continue;
        }
        for (int task, count = 0; count < 8 && (task = find_task()) >= 0; count++)
            run_task(task);
        atomic_store(&own->taken, 0);
        unpark_one();
        sched_yield();
    }
    return NULL;
}

/* Stops the world, changes it, and lets it go on; preempts whoever runs. */
static void watch(void) {
    while (!atomic_load(&done)) {
        atomic_store_explicit(&world_stops, 1, memory_order_relaxed);
        heavy();
        for (int i = 0; i < PROCESSORS; i++)
            while (atomic_load_explicit(&processors[i].is_in_world, memory_order_acquire))
                sched_yield();
        atomic_fetch_add_explicit(&world, 1, memory_order_relaxed);
        atomic_store(&world_stops, 0);
        wake(&world_stops, THREADS);
        for (int i = 0; i < THREADS; i += 5)
            pthread_kill(handles[i], SIGURG);
        unpark_one();
        struct timespec moment = { 0, 100000 };
        nanosleep(&moment, NULL);
    }
}

int main(int count, char **arguments) {
    most = rounds(count, arguments);
    register_fences();
    struct sigaction action = { .sa_handler = on_preempt, .sa_flags = SA_ONSTACK | SA_RESTART };
    sigaction(SIGURG, &action, NULL);
    atomic_store(&left, TASKS);
    for (int task = 0; task < TASKS; task++)
        put(&processors[task % PROCESSORS], task);
    for (long i = 0; i < THREADS; i++)
        if (pthread_create(&handles[i], NULL, run_thread, (void *)i) != 0)
            abort();
    watch();
    for (int i = 0; i < THREADS; i++)
        unpark_one();
    for (int i = 0; i < THREADS; i++)
        pthread_join(handles[i], NULL);
    long all = 0;
    for (int task = 0; task < TASKS; task++)
        all += atomic_load(&steps[task]);
    if (all != most * TASKS)
        atomic_fetch_add(&wrong, 1);
    return report("runtime", most, atomic_load(&wrong));
}
