/* A list under RCU: readers announce themselves by a counter with a light fence behind it,
   the writer unlinks a node, calls the heavy fence, waits for readers that were there, and
   poisons the node. A reader that finds poison was not waited for. */

#include "fences.h"

#define MOST_READERS 3
#define POISON -1L

struct node {
    _Alignas(64) _Atomic long value;
    struct node *_Atomic next;
};

/* Odd while its reader is in the list, a line each. */
static struct { _Alignas(64) _Atomic unsigned long phase; } readers[MOST_READERS];
/* Each of them, and the writer, should have a CPU: a reader without one keeps the writer waiting. */
static int count_of_readers;
/* One is in the list; the others stay poisoned until their turn comes. */
#define NODES 64
static struct node nodes[NODES];
static struct node *_Atomic head;
static atomic_bool done;
static atomic_long wrong;
static atomic_int next_reader;

/* Looks for so long that a writer who did not wait comes in between. */
static int is_poisoned(const struct node *node) {
    for (int look = 0; look < LOOKS; look++)
        if (atomic_load_explicit(&node->value, memory_order_relaxed) == POISON)
            return 1;
    return 0;
}

static void *read_list(void *unused) {
    (void)unused;
    int own = atomic_fetch_add(&next_reader, 1);
    _Atomic unsigned long *phase = &readers[own].phase;
    while (!atomic_load_explicit(&done, memory_order_relaxed)) {
        delay_stores();
        atomic_store_explicit(phase, *phase + 1, memory_order_relaxed);
        light();
        for (struct node *node = atomic_load_explicit(&head, memory_order_acquire); node;
             node = atomic_load_explicit(&node->next, memory_order_acquire))
            if (is_poisoned(node))
                atomic_fetch_add(&wrong, 1);
        light();
        atomic_store_explicit(phase, *phase + 1, memory_order_release);
    }
    return NULL;
}

static void wait_for_readers(void) {
    heavy();
    for (int i = 0; i < count_of_readers; i++) {
        unsigned long seen = atomic_load_explicit(&readers[i].phase, memory_order_acquire);
        while (seen % 2 == 1 && atomic_load_explicit(&readers[i].phase, memory_order_acquire) == seen)
            sched_yield();
    }
    heavy();
}

int main(int count, char **arguments) {
    long most = rounds(count, arguments);
    register_fences();
    atomic_store(&head, &nodes[0]);
    long others = sysconf(_SC_NPROCESSORS_ONLN) - 1;
    count_of_readers = others < 1 ? 1 : others > MOST_READERS ? MOST_READERS : others;
    pthread_t threads[MOST_READERS];
    for (int i = 0; i < count_of_readers; i++)
        threads[i] = start(read_list);
    for (int i = 0; i < count_of_readers; i++)
        while (atomic_load(&readers[i].phase) == 0)
            sched_yield();
    for (long round = 0; round < most; round++) {
        struct node *old = &nodes[round % NODES], *new = &nodes[(round + 1) % NODES];
        atomic_store(&new->value, round);
        atomic_store(&new->next, NULL);
        atomic_store_explicit(&head, new, memory_order_release);
        wait_for_readers();
        atomic_store_explicit(&old->value, POISON, memory_order_relaxed);
        linger(LOOKS / 2);
    }
    atomic_store(&done, 1);
    for (int i = 0; i < count_of_readers; i++)
        pthread_join(threads[i], NULL);
    return report("rcu list", most, wrong);
}
