/* Threads that need all of pthreads: a mutex, a condition, a barrier, thread-local
   variables, a signal sent to a thread, a timed wait that ends. Says "ok" at the end. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS 8
#define ROUNDS 2000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static long count;
static int turn;
static __thread long own;
static volatile sig_atomic_t signalled;

static void require(int is_so, const char *what) {
    if (!is_so) {
        fprintf(stderr, "not so: %s\n", what);
        exit(1);
    }
}

static void on_signal(int signal) {
    signalled = signal;
}

/* Each thread counts, then all take turns in their order. */
static void *work(void *argument) {
    long number = (long)argument;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_mutex_lock(&mutex);
        count++;
        pthread_mutex_unlock(&mutex);
        own++;
    }
    pthread_barrier_wait(&barrier);
    pthread_mutex_lock(&mutex);
    while (turn != number)
        pthread_cond_wait(&turned, &mutex);
    turn++;
    pthread_cond_broadcast(&turned);
    pthread_mutex_unlock(&mutex);
    return (void *)own;
}

static void *wait_for_signal(void *argument) {
    while (!signalled) {
        struct timespec moment = { 0, 1000000 };
        nanosleep(&moment, NULL);
    }
    return argument;
}

int main(void) {
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (long i = 0; i < THREADS; i++)
        require(pthread_create(&threads[i], NULL, work, (void *)i) == 0, "a thread starts");
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        require((long)result == ROUNDS, "each thread has a count of its own");
    }
    require(count == THREADS * ROUNDS, "the mutex excludes");
    require(turn == THREADS, "each thread had its turn");

    struct sigaction action = { .sa_handler = on_signal };
    sigaction(SIGUSR1, &action, NULL);
    pthread_create(&threads[0], NULL, wait_for_signal, NULL);
    pthread_kill(threads[0], SIGUSR1);
    pthread_join(threads[0], NULL);
    require(signalled == SIGUSR1, "the handler ran");

    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec = (until.tv_nsec + 10000000) % 1000000000;
    until.tv_sec += until.tv_nsec < 10000000;
    pthread_mutex_lock(&mutex);
    int ended = pthread_cond_timedwait(&turned, &mutex, &until);
    require(ended == ETIMEDOUT, "a timed wait ends");
    puts("ok");
    return 0;
}
