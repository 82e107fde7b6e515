//! What the kernel asks of the firmware below it: RISC-V's Supervisor Binary Interface 2.0.

use core::arch::asm;

const TIME: u64 = 0x5449_4d45;
const IPI: u64 = 0x73_5049;
const HART_STATE: u64 = 0x48_534d;

/// Has the hart of that number enter at this physical address (chapter 9.1).
pub(super) fn start_hart(hart: u64, entry: u64) {
    const START: u64 = 0;
    let error = call(HART_STATE, START, [hart, entry, 0]);
    assert_eq!(error, 0, "the firmware does not start hart {hart}");
}

/// Gives that hart a software interrupt (chapter 7.1).
pub(super) fn send_ipi(hart: u64) {
    const SEND: u64 = 0;
    call(IPI, SEND, [1, hart, 0]);
}

/// Has the timer interrupt this hart when its clock has come to `at`, and not before
/// (chapter 6.1).
pub(super) fn set_timer(at: u64) {
    const SET: u64 = 0;
    call(TIME, SET, [at, 0, 0]);
}

/// A call; returns its error, 0 for none.
fn call(extension: u64, function: u64, [a, b, c]: [u64; 3]) -> i64 {
    let error;
    // SAFETY: the calls above change no memory of ours; the firmware keeps all registers but two.
    unsafe {
        asm!("ecall", inlateout("a0") a => error, inlateout("a1") b => _, in("a2") c,
            in("a6") function, in("a7") extension, options(nostack));
    }
    error
}
