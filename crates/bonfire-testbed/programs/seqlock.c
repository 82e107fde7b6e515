/* Two threads that each announce themselves and look for the other, as a biased lock's
   owner and its revoker do, around a pair of words with a version (a seqlock): the owner's
   fence is light, the revoker's heavy. The owner inside while the revoker is, is an error,
   and so is a pair that does not match its version. */

#include "fences.h"

static struct { _Alignas(64) atomic_int is_in; } owner, revoker;
static struct { _Alignas(64) _Atomic unsigned long version, one, other; } pair;
/* How often the owner was inside: its alone to write. */
static _Atomic unsigned long entered;
static atomic_bool done;
static atomic_long wrong;

static void write_pair(void) {
    unsigned long version = atomic_load_explicit(&pair.version, memory_order_relaxed);
    atomic_store_explicit(&pair.version, version + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&pair.one, version, memory_order_relaxed);
    atomic_store_explicit(&pair.other, version, memory_order_relaxed);
    atomic_store_explicit(&pair.version, version + 2, memory_order_release);
}

static void *own(void *unused) {
    (void)unused;
    while (!atomic_load_explicit(&done, memory_order_relaxed)) {
        delay_stores();
        atomic_store_explicit(&owner.is_in, 1, memory_order_relaxed);
        light();
        if (!atomic_load_explicit(&revoker.is_in, memory_order_acquire)) {
            unsigned long before = atomic_load_explicit(&entered, memory_order_relaxed);
            atomic_store_explicit(&entered, before + 1, memory_order_relaxed);
            write_pair();
        }
        atomic_store_explicit(&owner.is_in, 0, memory_order_release);
    }
    return NULL;
}

static void *read_pair(void *unused) {
    (void)unused;
    while (!atomic_load_explicit(&done, memory_order_relaxed)) {
        unsigned long version = atomic_load_explicit(&pair.version, memory_order_acquire);
        unsigned long one = atomic_load_explicit(&pair.one, memory_order_relaxed);
        unsigned long other = atomic_load_explicit(&pair.other, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (version % 2 == 0 && atomic_load_explicit(&pair.version, memory_order_relaxed) == version
            && one != other)
            atomic_fetch_add(&wrong, 1);
    }
    return NULL;
}

int main(int count, char **arguments) {
    long most = rounds(count, arguments);
    register_fences();
    pthread_t threads[] = { start(own), start(read_pair) };
    for (long round = 0; round < most; round++) {
        atomic_store_explicit(&revoker.is_in, 1, memory_order_relaxed);
        heavy();
        if (!atomic_load_explicit(&owner.is_in, memory_order_acquire)) {
            unsigned long before = atomic_load_explicit(&entered, memory_order_acquire);
            write_pair();
            linger(LOOKS);
            if (atomic_load_explicit(&entered, memory_order_acquire) != before)
                atomic_fetch_add(&wrong, 1);
        }
        atomic_store_explicit(&revoker.is_in, 0, memory_order_release);
        linger(round % 8 * (LOOKS / 8));
    }
    atomic_store(&done, 1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return report("seqlock", most, wrong);
}
