//! The luascale binary: parse arguments, run, exit. And how it allocates.
//!
//! Syntax trees are many small pieces, for which the C library's allocator, musl's above all, takes a
//! good part of a check's time. So mimalloc allocates, in its plain form: without huge pages, which
//! cost more to clear than they save here, and with little address space at a time.

use libmimalloc_sys::{mi_free, mi_malloc_aligned, mi_option_set, mi_realloc_aligned, mi_zalloc_aligned};
use std::alloc::{GlobalAlloc, Layout};
use std::ffi::{c_int, c_long};
use std::sync::atomic::{AtomicBool, Ordering};

fn main() -> std::process::ExitCode {
    luascale::cli::main().into()
}

struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// mimalloc's `mi_option_arena_reserve`, which the bindings leave out. tests/worker.rs holds the address
/// space that a worker begins with.
const ARENA_RESERVE: c_int = 23;

/// How much address space is taken at a time, in KiB. mimalloc's own choice, 1 GiB, is twice what a
/// worker may have.
const RESERVE: c_long = 32 * 1024;

/// Before the first piece is asked for, mimalloc is told how much to reserve.
#[inline]
#[allow(unsafe_code, reason = "the bindings have nothing safe")]
fn tell() {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if !TOLD.load(Ordering::Relaxed) {
        // SAFETY: it stores a number in a table of options; to do so twice changes nothing.
        unsafe { mi_option_set(ARENA_RESERVE, RESERVE) };
        TOLD.store(true, Ordering::Relaxed);
    }
}

// SAFETY: mimalloc's functions give what is promised here: pieces of the size and alignment that were
// asked for, or null; and what is given back came from them.
#[allow(unsafe_code, reason = "an allocator is nothing else")]
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        tell();
        unsafe { mi_malloc_aligned(layout.size(), layout.align()) }.cast()
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        tell();
        unsafe { mi_zalloc_aligned(layout.size(), layout.align()) }.cast()
    }

    unsafe fn dealloc(&self, at: *mut u8, _: Layout) {
        unsafe { mi_free(at.cast()) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe { mi_realloc_aligned(at.cast(), size, layout.align()) }.cast()
    }
}
