//! The only unsafe code of the crate: the VM's interrupt, and reading a function's upvalues.
//!
//! mlua's own interrupt costs 10 to 17 ns a safepoint, a raw one about 1 ns, and a tick of
//! three rules has ten safepoints in 600 ns. May import: siblings.
#![allow(unsafe_code, reason = "a raw interrupt and upvalues are not in mlua's safe interface")]

use super::Clock;
use mlua::{Function, Lua, MultiValue, ffi};
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// Safepoints between two looks at the clock, where they pass quickly.
const STRIDE: u64 = 32;

/// Which limit was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trip {
    /// The safepoints are used up.
    Budget,
    /// The time of this load or tick is over.
    Deadline,
    /// The time of the whole run is over.
    Run,
}

/// The budget and deadline of one VM. Once tripped it stays so until the next [`Fence::enter`]:
/// every later safepoint raises again, so no `pcall` outlives it.
pub(super) struct Fence {
    clock: Clock,
    /// Safepoints left after the stride that runs.
    budget: Cell<u64>,
    /// Safepoints left in the stride that runs.
    pause: Cell<u64>,
    stride: Cell<u64>,
    /// Length of the next stride: 1 where safepoints pass slowly.
    pace: Cell<u64>,
    /// Safepoints passed since the clock was last read, in earlier entries.
    unclocked: Cell<u64>,
    /// Milliseconds for one entry.
    allowed: Cell<u64>,
    /// End of this entry; `None` until the clock was first read in it.
    deadline: Cell<Option<u64>>,
    /// End of the run; `None` where it has none.
    run_end: Cell<Option<u64>>,
    read_at: Cell<u64>,
    trip: Cell<Option<Trip>>,
    place: RefCell<Option<(String, u32)>>,
}

thread_local! {
    /// The fence of the VM that runs on this thread; null where none does.
    static CURRENT: Cell<*const Fence> = const { Cell::new(ptr::null()) };
}

/// What one call into the VM may use up.
pub(super) struct Entry {
    /// Safepoints.
    pub(super) budget: u64,
    /// Milliseconds.
    pub(super) allowed_ms: u64,
    /// Whether the clock is read at once; else it is read after at most [`STRIDE`] safepoints,
    /// those of earlier entries counted in, so that short entries do not pay for it each time.
    pub(super) timed: bool,
    /// Whether the deadline of the entry before goes on.
    pub(super) goes_on: bool,
    /// When the run ends, by the clock.
    pub(super) run_end: Option<u64>,
}

/// While it lives, the fence is in force on this thread. It is dropped where it was made, in
/// the order of its making.
pub(super) struct Entered<'a> {
    fence: &'a Fence,
    outer: *const Fence,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        CURRENT.set(self.outer);
        let fence = self.fence;
        fence.unclocked.set(fence.unclocked.get() + (fence.stride.get() - fence.pause.get()));
    }
}

impl Fence {
    pub(super) fn new(clock: Clock) -> Fence {
        let read_at = Cell::new(clock());
        Fence {
            clock,
            budget: Cell::new(0),
            pause: Cell::new(0),
            stride: Cell::new(0),
            pace: Cell::new(STRIDE),
            unclocked: Cell::new(0),
            allowed: Cell::new(0),
            deadline: Cell::new(None),
            run_end: Cell::new(None),
            read_at,
            trip: Cell::new(None),
            place: RefCell::new(None),
        }
    }

    /// Puts the fence in force, with a fresh budget, until the guard is dropped.
    pub(super) fn enter(&self, entry: &Entry) -> Entered<'_> {
        let stride = self.pace.get().min(entry.budget);
        self.budget.set(entry.budget - stride);
        self.stride.set(stride);
        self.pause.set(stride);
        self.allowed.set(entry.allowed_ms);
        self.run_end.set(entry.run_end);
        self.trip.set(None);
        self.place.take();
        let before = self.deadline.take().filter(|_| entry.goes_on);
        if entry.timed || before.is_some() || self.unclocked.get() >= STRIDE {
            let now = self.read_clock();
            // A deadline that passed between two entries is not the doing of the code.
            let end = before.filter(|end| now <= *end);
            self.deadline.set(Some(end.unwrap_or_else(|| now.saturating_add(entry.allowed_ms))));
            if self.run_end.get().is_some_and(|end| now > end) {
                self.trip.set(Some(Trip::Run));
                self.pause.set(0);
            }
        }
        Entered { fence: self, outer: CURRENT.replace(self) }
    }

    /// Has the next safepoint look at the clock: long native work was done.
    pub(super) fn hurry(&self) {
        let left = self.pause.get().saturating_sub(1);
        self.pause.set(self.pause.get() - left);
        self.stride.set(self.stride.get() - left);
        self.budget.set(self.budget.get() + left);
    }

    /// The clock's milliseconds.
    pub(super) fn now(&self) -> u64 {
        self.read_clock()
    }

    /// The limit that was passed since the last entry or refill.
    pub(super) fn tripped(&self) -> Option<Trip> {
        self.trip.get()
    }

    /// Where the policy's code stood when the limit was passed: chunk and line.
    pub(super) fn take_place(&self) -> Option<(String, u32)> {
        self.place.take()
    }

    /// Safepoints left of the budget.
    #[cfg(test)]
    pub(super) fn left(&self) -> u64 {
        self.budget.get() + self.pause.get()
    }

    fn read_clock(&self) -> u64 {
        // A clock that panics would unwind through the VM's C++ frames; it counts as stopped.
        let now = catch_unwind(AssertUnwindSafe(|| (self.clock)())).unwrap_or(u64::MAX);
        self.unclocked.set(0);
        self.read_at.set(now);
        now
    }

    /// Counts one safepoint; whether the code must stop.
    #[inline]
    fn safepoint(&self) -> bool {
        let pause = self.pause.get();
        if pause > 1 {
            self.pause.set(pause - 1);
            return false;
        }
        self.look()
    }

    #[cold]
    fn look(&self) -> bool {
        if self.trip.get().is_some() {
            return true;
        }
        let before = self.read_at.get();
        let now = self.read_clock();
        // Slow safepoints (long patterns, large texts) are watched one by one.
        let slow = now.saturating_sub(before) >= 2;
        self.pace.set(if slow { 1 } else { STRIDE });
        let end = self.deadline.get().unwrap_or_else(|| now.saturating_add(self.allowed.get()));
        self.deadline.set(Some(end));
        let trip = if self.run_end.get().is_some_and(|end| now > end) {
            Some(Trip::Run)
        } else if now > end {
            Some(Trip::Deadline)
        } else if self.budget.get() == 0 {
            Some(Trip::Budget)
        } else {
            None
        };
        if trip.is_some() {
            self.trip.set(trip);
            self.pause.set(0);
            return true;
        }
        let stride = self.pace.get().min(self.budget.get());
        self.budget.set(self.budget.get() - stride);
        self.stride.set(stride);
        self.pause.set(stride);
        false
    }
}

/// Has the fence in force on this thread, if there is one, look at the clock soon.
pub(super) fn hurry() {
    // SAFETY: as in `interrupt`.
    if let Some(fence) = unsafe { CURRENT.get().as_ref() } {
        fence.hurry();
    }
}

/// Makes the fence of this thread count the safepoints of a VM.
pub(super) fn install(lua: &Lua) -> mlua::Result<()> {
    // SAFETY: `lua_callbacks` gives the callbacks of a live state, and this thread alone uses
    // it; `interrupt` has the type that Luau wants. mlua clears it before it closes the state.
    unsafe { lua.exec_raw((), |state| (*ffi::lua_callbacks(state)).interrupt = Some(interrupt)) }
}

/// Called by the VM at each safepoint (`gc` < 0) and by its collector (`gc` >= 0).
unsafe extern "C-unwind" fn interrupt(state: *mut ffi::lua_State, gc: c_int) {
    // The collector must not be left by an error, and its steps are not the policy's.
    if gc >= 0 {
        return;
    }
    let fence = CURRENT.get();
    // SAFETY: `CURRENT` is set by `Fence::enter` to a fence that `Entered` borrows, and set
    // back when that borrow ends; it points to a live fence or is null.
    let Some(fence) = (unsafe { fence.as_ref() }) else { return };
    if !fence.safepoint() {
        return;
    }
    // Nothing with a destructor lives in this frame past here: `lua_error` unwinds it.
    // SAFETY: `state` is the running state that the VM passed; the calls are those that a C
    // function may make, with room for one value on the stack asked for first.
    unsafe {
        note_place(state, fence);
        if ffi::lua_checkstack(state, 2) != 0 {
            ffi::lua_pushstring(state, c"a limit was reached".as_ptr());
        }
        ffi::lua_error(state)
    }
}

/// Keeps where policy code stands, the first time only.
unsafe fn note_place(state: *mut ffi::lua_State, fence: &Fence) {
    let Ok(mut place) = fence.place.try_borrow_mut() else { return };
    if place.is_some() {
        return;
    }
    for level in 0..64 {
        // SAFETY: `lua_Debug` is plain data for which all zeros is a value; `lua_getinfo` with
        // "sl" fills `short_src` and `currentline` and leaves the stack alone.
        let (found, line, name) = unsafe {
            let mut debug: ffi::lua_Debug = std::mem::zeroed();
            if ffi::lua_getinfo(state, level, c"sl".as_ptr(), &mut debug) == 0 {
                return;
            }
            let name = debug.short_src;
            (debug.currentline > 0 && !name.is_null(), debug.currentline, CStr::from_ptr(name).to_owned())
        };
        let name = name.to_string_lossy();
        if found && !super::sandbox::is_own_chunk(&name) {
            *place = Some((name.into_owned(), u32::try_from(line).unwrap_or(0)));
            return;
        }
    }
}

/// The upvalues of a Lua function.
pub(super) fn upvalues(lua: &Lua, function: Function) -> mlua::Result<MultiValue> {
    // SAFETY: the function stands at index 1 of the protected call's stack; `lua_getupvalue`
    // pushes one value for each index that exists, and room for it is asked for first.
    unsafe {
        lua.exec_raw(function, |state| {
            let mut at = 1;
            while ffi::lua_checkstack(state, 2) != 0 && !ffi::lua_getupvalue(state, 1, at).is_null() {
                at += 1;
            }
            ffi::lua_remove(state, 1);
        })
    }
}
