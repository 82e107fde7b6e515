/* Fences with two sides: a light one for whoever is fast, which the compiler alone sees,
   and a heavy one, which is membarrier(2). Built with -DTWIN, the heavy one is as light as
   the other, and what relies on it may go wrong. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PRIVATE_EXPEDITED 8
#define REGISTER_PRIVATE_EXPEDITED 16

static inline void light(void) {
    atomic_signal_fence(memory_order_seq_cst);
}

static inline void heavy(void) {
#ifdef TWIN
    light();
#else
    if (syscall(SYS_membarrier, PRIVATE_EXPEDITED, 0, 0) != 0)
        abort();
#endif
}

/* Has the next store of this thread wait for some microseconds: it stands behind others, of
   which each needs a trip to memory. An emulator takes no notice. */
static inline void delay_stores(void) {
    enum { LINES = 12 };
    static __thread struct { _Alignas(64) volatile long word; } lines[LINES];
    for (int i = 0; i < LINES; i++) {
#ifdef __x86_64__
        __builtin_ia32_clflush((const void *)&lines[i]);
#endif
        lines[i].word = i;
    }
}

/* For how many looks somebody stays where things are not to change: longer than a store waits. */
#define LOOKS 2000

/* Does nothing for a while. */
static inline void linger(long looks) {
    while (looks-- > 0)
        light();
}

static inline void register_fences(void) {
    if (syscall(SYS_membarrier, REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0) {
        perror("membarrier cannot be registered for");
        exit(2);
    }
}

/* How many rounds: the first argument, or a thousand. */
static inline long rounds(int count, char **arguments) {
    return count > 1 ? atol(arguments[1]) : 1000;
}

static inline pthread_t start(void *(*body)(void *)) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, NULL) != 0)
        abort();
    return thread;
}

/* Says how many rounds went wrong. */
static inline int report(const char *what, long rounds, long wrong) {
    printf("%s: %ld of %ld rounds wrong\n", what, wrong, rounds);
    return wrong != 0;
}
