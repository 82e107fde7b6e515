//! Registers before `main`: the feature `early`.
//!
//! The loader calls what stands in `.init_array` when it starts the program or
//! loads the library. In a process of one thread registering takes a few
//! microseconds there; in one of several, which is a `dlopen`, it would stall
//! the caller for milliseconds, so it is left to the program. A refusal is
//! left to whoever registers next: it will be told the cause.
#![expect(unsafe_code, reason = "a section of the object file is named")]

#[used]
// SAFETY: the section holds pointers to functions of the C ABI, and this is one.
#[unsafe(link_section = ".init_array")]
static REGISTER: extern "C" fn() = register;

extern "C" fn register() {
    if super::is_single_threaded() {
        let _ = crate::register();
    }
}
