/* Threads and processes that outlive others: a lock whose holder has gone, a new image beside
   other threads, the place of another thread, children by group, orphans. Says "ok" at the
   end, on Linux as here. */

#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "require.h"

static pthread_mutex_t mutex;
static atomic_bool taken;

static void *take_and_go(void *unused) {
    (void)unused;
    pthread_mutex_lock(&mutex);
    atomic_store(&taken, 1);
    usleep(10000);
    return NULL;
}

static void robust_lock(void) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&mutex, &attributes);
    pthread_t holder;
    pthread_create(&holder, NULL, take_and_go, NULL);
    while (!atomic_load(&taken))
        sched_yield();
    require(pthread_mutex_lock(&mutex) == EOWNERDEAD, "a lock tells that its holder has gone");
    require(pthread_mutex_consistent(&mutex) == 0, "it can be mended");
    require(pthread_mutex_unlock(&mutex) == 0, "and goes on");
    pthread_join(holder, NULL);
}

static atomic_int thread_id;
static atomic_bool done;

static void *spin(void *unused) {
    (void)unused;
    atomic_store(&thread_id, syscall(SYS_gettid));
    while (!atomic_load(&done))
        ;
    return NULL;
}

/* On every CPU that there is, while it runs. */
static void place_of_another(void) {
    cpu_set_t allowed, one, found;
    pthread_t thread;
    pthread_create(&thread, NULL, spin, NULL);
    while (!atomic_load(&thread_id))
        sched_yield();
    require(sched_getaffinity(0, sizeof allowed, &allowed) == 0, "there are CPUs");
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        require(sched_setaffinity(thread_id, sizeof one, &one) == 0, "another thread can be placed");
        require(sched_getaffinity(thread_id, sizeof found, &found) == 0, "its place can be asked");
        require(CPU_EQUAL(&one, &found), "and is the one that was wished");
    }
    atomic_store(&done, 1);
    pthread_join(thread, NULL);
    require(REFUSED(sched_getaffinity(1 << 21, sizeof found, &found), ESRCH), "there is no such thread");
}

static void groups(void) {
    int status;
    pid_t one = fork();
    if (one == 0)
        _exit(1);
    pid_t other = fork();
    if (other == 0) {
        for (;;)
            pause();
    }
    require(setpgid(other, other) == 0, "a child has a group of its own");
    require(getpgid(other) == other, "which can be asked");
    require(waitpid(-other, &status, WNOHANG) == 0, "nobody of that group has ended");
    require(waitpid(0, &status, 0) == one && WEXITSTATUS(status) == 1, "of this group the first has");
    require(kill(-other, SIGKILL) == 0, "a group can be ended");
    require(waitpid(-other, &status, 0) == other && WTERMSIG(status) == SIGKILL, "and has");
    require(REFUSED(waitpid(-other, &status, 0), ECHILD), "then there is none");
    require(REFUSED(kill(-other, 0), ESRCH), "for nobody");
}

static void orphans(void) {
    int status;
    require(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0, "orphans are taken in");
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) {
            usleep(20000);
            _exit(7);
        }
        _exit(0);
    }
    require(waitpid(child, &status, 0) == child, "the child ends");
    require(waitpid(-1, &status, 0) > 0 && WEXITSTATUS(status) == 7, "its child is ours then");
    signal(SIGCHLD, SIG_IGN);
    child = fork();
    if (child == 0)
        _exit(0);
    require(REFUSED(waitpid(child, &status, 0), ECHILD), "who ignores children waits for none");
    signal(SIGCHLD, SIG_DFL);
}

static void *become_new(void *program) {
    char id[16];
    snprintf(id, sizeof id, "%d", (int)getpid());
    char *arguments[] = { program, "again", id, NULL };
    char *environment[] = { NULL };
    execve("/proc/self/exe", arguments, environment);
    require(0, "a thread can become a new image");
    return NULL;
}

static void *wait_for_ever(void *unused) {
    for (;;)
        pause();
    return unused;
}

/* From a thread that is not the first, while others run and wait. */
static void new_image(char *program) {
    pthread_t threads[4];
    atomic_store(&done, 0);
    pthread_create(&threads[0], NULL, spin, NULL);
    pthread_create(&threads[1], NULL, wait_for_ever, NULL);
    pthread_create(&threads[2], NULL, become_new, program);
    pthread_create(&threads[3], NULL, spin, NULL);
    wait_for_ever(NULL);
}

int main(int count, char **arguments) {
    if (count > 2) {
        require(getpid() == atoi(arguments[2]), "the process is the same");
        require(syscall(SYS_gettid) == getpid(), "and this is its first thread");
        puts("ok");
        return 0;
    }
    robust_lock();
    place_of_another();
    groups();
    orphans();
    fflush(stdout);
    new_image(arguments[0]);
}
