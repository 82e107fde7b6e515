/* A loop of read sections of liburcu, inlined, and its grace period. */
#define _LGPL_SOURCE
#define URCU_API_MAP

#if defined(RCU_MEMB)
#include <urcu/urcu-memb.h>
#elif defined(RCU_QSBR)
#include <urcu/urcu-qsbr.h>
#else
#include <urcu/urcu-bp.h>
#endif

#define GLUE2(a, b) a##_##b
#define GLUE(a, b) GLUE2(a, b)
#define NAME(what) GLUE(what, FLAVOUR)

void NAME(bonfire_register)(void) { rcu_register_thread(); }
void NAME(bonfire_unregister)(void) { rcu_unregister_thread(); }
void NAME(bonfire_synchronize)(void) { synchronize_rcu(); }

/* Replaces what is shared, and waits until nobody reads what was. */
unsigned long *NAME(bonfire_swap)(unsigned long **shared, unsigned long *new) {
	unsigned long *old = rcu_xchg_pointer(shared, new);
	synchronize_rcu();
	return old;
}

unsigned long NAME(bonfire_sections)(unsigned long **shared, unsigned long count) {
	unsigned long sum = 0;
	for (unsigned long i = 0; i < count; i++) {
		rcu_read_lock();
		sum += *rcu_dereference(*shared);
		rcu_read_unlock();
#if defined(RCU_QSBR)
		rcu_quiescent_state();
#endif
	}
	return sum;
}
