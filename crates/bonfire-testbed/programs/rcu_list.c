/* A list under RCU: readers announce themselves by a counter with a light fence behind it,
   the writer unlinks a node, calls the heavy fence, waits for readers that were there, and
   poisons the node. A reader that finds poison was not waited for. */

#include "fences.h"

#define READERS 3
#define POISON 0xdeadL

struct node {
    _Atomic long value;
    struct node *_Atomic next;
};

/* Odd while its reader is in the list, a line each. */
static struct { _Alignas(64) _Atomic unsigned long phase; } readers[READERS];
static struct node nodes[64];
static struct node *_Atomic head;
static atomic_bool done;
static atomic_long wrong;
static atomic_int next_reader;

static void *read_list(void *unused) {
    (void)unused;
    int own = atomic_fetch_add(&next_reader, 1);
    _Atomic unsigned long *phase = &readers[own].phase;
    while (!atomic_load_explicit(&done, memory_order_relaxed)) {
        atomic_store_explicit(phase, *phase + 1, memory_order_relaxed);
        light();
        for (struct node *node = atomic_load_explicit(&head, memory_order_acquire); node;
             node = atomic_load_explicit(&node->next, memory_order_acquire))
            if (atomic_load_explicit(&node->value, memory_order_relaxed) == POISON)
                atomic_fetch_add(&wrong, 1);
        light();
        atomic_store_explicit(phase, *phase + 1, memory_order_release);
    }
    return NULL;
}

static void wait_for_readers(void) {
    heavy();
    for (int i = 0; i < READERS; i++) {
        unsigned long seen = atomic_load_explicit(&readers[i].phase, memory_order_acquire);
        while (seen % 2 == 1 && atomic_load_explicit(&readers[i].phase, memory_order_acquire) == seen)
            sched_yield();
    }
    heavy();
}

int main(int count, char **arguments) {
    long most = rounds(count, arguments);
    register_fences();
    struct node *first = &nodes[0], *second = &nodes[1];
    atomic_store(&head, first);
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++)
        threads[i] = start(read_list);
    for (long round = 0; round < most; round++) {
        atomic_store(&second->value, round);
        atomic_store(&second->next, NULL);
        atomic_store_explicit(&head, second, memory_order_release);
        wait_for_readers();
        atomic_store_explicit(&first->value, POISON, memory_order_relaxed);
        struct node *old = first;
        first = second;
        second = old;
    }
    atomic_store(&done, 1);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    return report("rcu list", most, wrong);
}
