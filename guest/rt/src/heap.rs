//! A heap that only grows: for programs that set up once, run, and power off.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

// SAFETY: the linker script defines it.
unsafe extern "C" {
    static __image_end: u8;
}

static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Takes memory for good, of any content; null when there is no more.
pub fn take(layout: Layout) -> *mut u8 {
    let start = &raw const __image_end as usize;
    let end = crate::device_tree::address();
    let mut at = NEXT.load(Ordering::Relaxed);
    loop {
        let place = at.max(start).next_multiple_of(layout.align());
        let Some(after) = place.checked_add(layout.size()).filter(|after| *after <= end) else {
            return null_mut();
        };
        match NEXT.compare_exchange(at, after, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => return place as *mut u8,
            Err(other) => at = other,
        }
    }
}

/// Memory from the end of the program to the device tree, handed out once; a program makes one of these its global
/// allocator.
pub struct Bump;

// SAFETY: each piece comes from its own step of `NEXT`, so that no two overlap; the memory between the program's
// image and the device tree belongs to nobody else.
unsafe impl GlobalAlloc for Bump {
    // SAFETY: what `take` needs of the layout, the caller promises.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout)
    }

    // SAFETY: touches nothing.
    unsafe fn dealloc(&self, _place: *mut u8, _layout: Layout) {}
}
