/* A stack with hazard pointers: whoever pops names the node in its slot, with a light
   fence behind, and looks again; whoever has popped a node calls the heavy fence, looks
   at all slots, and only then gives the node a new life. A node whose life ends while
   somebody names it is an error. */

#include "fences.h"

#define THREADS 3
#define NODES 64

struct node {
    struct node *_Atomic next;
    _Atomic unsigned long life;
};

static struct { _Alignas(64) struct node *_Atomic node; } slots[THREADS];
static struct node nodes[NODES];
static struct node *_Atomic top;
static atomic_int next_thread;
static atomic_long wrong;
static long most;

static void push(struct node *node) {
    struct node *first = atomic_load(&top);
    do
        atomic_store_explicit(&node->next, first, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&top, &first, node));
}

/* Looks for so long that whoever did not see us naming it comes in between. */
static int has_changed(const struct node *node, unsigned long life) {
    for (int look = 0; look < LOOKS; look++)
        if (atomic_load_explicit(&node->life, memory_order_acquire) != life)
            return 1;
    return 0;
}

static struct node *pop(int own) {
    for (;;) {
        struct node *first = atomic_load_explicit(&top, memory_order_acquire);
        delay_stores();
        atomic_store_explicit(&slots[own].node, first, memory_order_relaxed);
        light();
        if (first != atomic_load_explicit(&top, memory_order_acquire))
            continue;
        if (!first)
            return NULL;
        unsigned long life = atomic_load_explicit(&first->life, memory_order_relaxed);
        struct node *next = atomic_load_explicit(&first->next, memory_order_relaxed);
        if (has_changed(first, life))
            atomic_fetch_add(&wrong, 1);
        if (atomic_compare_exchange_strong(&top, &first, next)) {
            atomic_store_explicit(&slots[own].node, NULL, memory_order_release);
            return first;
        }
    }
}

static int is_named(const struct node *node) {
    for (int i = 0; i < THREADS; i++)
        if (atomic_load_explicit(&slots[i].node, memory_order_acquire) == node)
            return 1;
    return 0;
}

static void *work(void *unused) {
    (void)unused;
    int own = atomic_fetch_add(&next_thread, 1);
    for (long round = 0; round < most; round++) {
        struct node *node = pop(own);
        if (!node) {
            sched_yield();
            continue;
        }
        heavy();
        while (is_named(node))
            sched_yield();
        atomic_fetch_add_explicit(&node->life, 1, memory_order_release);
        push(node);
    }
    return NULL;
}

static long length(void) {
    long length = 0;
    for (struct node *node = atomic_load(&top); node && length <= NODES; node = atomic_load(&node->next))
        length++;
    return length;
}

int main(int count, char **arguments) {
    most = rounds(count, arguments);
    register_fences();
    for (int i = 0; i < NODES; i++)
        push(&nodes[i]);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(work);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return report("hazard stack", most * THREADS, wrong + (length() != NODES));
}
