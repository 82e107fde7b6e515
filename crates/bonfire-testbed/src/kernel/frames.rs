//! Physical memory: page frames for programs and page tables, and a heap for
//! the kernel's own objects.

use crate::arch::{DIRECT_MAP, PAGE};
use crate::lock::Lock;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;
use linked_list_allocator::Heap;

/// The heap's share of memory.
const HEAP: u64 = 24 << 20;
/// What is left for programs, at the least.
const LEAST_FRAMES: u64 = 16 << 20;

/// Frames not handed out: a list through their first words, and the range never
/// yet touched.
struct Frames {
    list: u64,
    fresh: core::ops::Range<u64>,
    /// How many are handed out, and the most that were.
    used: u64,
    most_used: u64,
}

static FRAMES: Lock<Frames> = Lock::new(Frames { list: 0, fresh: 0..0, used: 0, most_used: 0 });

/// The most bytes that were handed out at one time.
pub(crate) fn most_used() -> u64 {
    FRAMES.lock().most_used * PAGE
}

/// A frame of physical memory, given back when dropped.
pub(crate) struct Frame(u64);

impl Frame {
    /// A frame of zeros, if there is one left.
    pub(crate) fn zeroed() -> Option<Self> {
        let frame = Self::any()?;
        // SAFETY: the frame is ours alone.
        unsafe { frame.bytes().write_bytes(0, PAGE as usize) };
        Some(frame)
    }

    /// One with whatever was in it, for whoever fills it.
    pub(crate) fn any() -> Option<Self> {
        FRAMES.lock().take().map(Self)
    }

    /// Its physical address.
    pub(crate) fn address(&self) -> u64 {
        self.0
    }

    /// Its contents, by the direct map.
    pub(crate) fn bytes(&self) -> *mut u8 {
        (DIRECT_MAP + self.0) as *mut u8
    }

    /// Gives up the ownership, for whoever keeps the address instead.
    pub(crate) fn leak(self) -> u64 {
        let address = self.0;
        core::mem::forget(self);
        address
    }

    /// Takes the ownership back.
    ///
    /// # Safety
    /// `address` came from [`leak`](Self::leak), once, and nobody uses the frame.
    pub(crate) unsafe fn from_leaked(address: u64) -> Self {
        Self(address)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        let mut frames = FRAMES.lock();
        // SAFETY: nobody uses the frame any more, so its first word can link it.
        unsafe { self.bytes().cast::<u64>().write(frames.list) };
        frames.list = self.0;
        frames.used -= 1;
    }
}

impl Frames {
    fn take(&mut self) -> Option<u64> {
        let frame = self.free()?;
        self.used += 1;
        self.most_used = self.most_used.max(self.used);
        Some(frame)
    }

    fn free(&mut self) -> Option<u64> {
        if self.list != 0 {
            let frame = self.list;
            // SAFETY: frames on the list hold the next one's address.
            self.list = unsafe { ((DIRECT_MAP + frame) as *const u64).read() };
            return Some(frame);
        }
        let frame = self.fresh.start;
        (frame < self.fresh.end).then(|| self.fresh.start += PAGE)?;
        Some(frame)
    }
}

/// How many bytes of the heap are free.
pub(crate) fn free_heap() -> usize {
    KERNEL_HEAP.0.lock().free()
}

struct KernelHeap(Lock<Heap>);

#[global_allocator]
static KERNEL_HEAP: KernelHeap = KernelHeap(Lock::new(Heap::empty()));

// SAFETY: the crate's allocator, behind a lock.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.lock().allocate_first_fit(layout).map_or(core::ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let Some(pointer) = NonNull::new(pointer) else { return };
        // SAFETY: our caller's promise.
        unsafe { self.0.lock().deallocate(pointer, layout) };
    }
}

/// Takes the memory in `free` (physical), of which nothing is in use: the
/// heap first, the rest in frames. Says how much is missing, if it is too little.
pub(crate) fn init(free: core::ops::Range<u64>) -> Result<(), u64> {
    let (start, end) = (free.start.next_multiple_of(PAGE), free.end / PAGE * PAGE);
    let needed = HEAP + LEAST_FRAMES;
    if end.saturating_sub(start) < needed {
        return Err(needed - end.saturating_sub(start));
    }
    // SAFETY: memory that nobody uses, in the direct map, for ever.
    unsafe { KERNEL_HEAP.0.lock().init((DIRECT_MAP + start) as *mut u8, HEAP as usize) };
    FRAMES.lock().fresh = start + HEAP..end;
    Ok(())
}
