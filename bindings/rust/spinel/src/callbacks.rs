//! Functions of the caller's that the library calls. No panic leaves them.

use std::cell::Cell;
use std::fmt;
use std::os::raw::{c_char, c_void};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};

use spinel_sys as sys;

use crate::text::text;

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LogLevel {
    /// For those who look for a fault.
    Debug,
    /// What happens.
    Info,
    /// What may be a mistake.
    Warning,
    /// What went wrong.
    Error,
}

pub(crate) type Log = Box<dyn Fn(LogLevel, &str) + Send + Sync>;
pub(crate) type Progress = Box<dyn FnMut(&str, f64) + Send>;
pub(crate) type Loop = Box<dyn Fn(usize, &(dyn Fn(usize) + Sync)) + Send + Sync>;

/// What lives as long as its engine, because the engine calls it.
#[derive(Default)]
pub(crate) struct Callbacks {
    pub(crate) log: Option<Box<Log>>,
    pub(crate) parallel_for: Option<Box<Loop>>,
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "log: {}, parallel_for: {}", self.log.is_some(), self.parallel_for.is_some())
    }
}

thread_local! {
    static IN_CALLBACK: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is in a callback, where engines cannot be released because the release waits for it.
pub(crate) fn in_callback() -> bool {
    IN_CALLBACK.with(Cell::get)
}

/// What a function of the caller's gives, or what it panicked with. Engines that it drops are released elsewhere.
pub(crate) fn caught<T>(function: impl FnOnce() -> T) -> std::thread::Result<T> {
    let outer = IN_CALLBACK.with(|flag| flag.replace(true));
    let out = catch_unwind(AssertUnwindSafe(function));
    IN_CALLBACK.with(|flag| flag.set(outer));
    out
}

/// Runs what is the caller's. A panic ends here: the hook has reported it.
pub(crate) fn guarded(function: impl FnOnce()) {
    if let Err(payload) = caught(function) {
        // Dropping what was thrown may panic, too.
        if let Err(second) = caught(|| drop(payload)) {
            std::mem::forget(second);
        }
    }
}

/// `user` is a `Log`.
pub(crate) unsafe extern "C" fn write_log(user: *mut c_void, level: i32, message: *const c_char) {
    let log = &*(user as *const Log);
    let level = match level {
        sys::SPINEL_LOG_DEBUG => LogLevel::Debug,
        sys::SPINEL_LOG_INFO => LogLevel::Info,
        sys::SPINEL_LOG_WARNING => LogLevel::Warning,
        _ => LogLevel::Error,
    };
    guarded(|| log(level, &text(message)));
}

/// `user` is a `Progress`, which the thread that loads alone uses.
pub(crate) unsafe extern "C" fn tell_progress(user: *mut c_void, stage: *const c_char, fraction: f64) {
    let progress = &mut *(user as *mut Progress);
    guarded(|| progress(&text(stage), fraction));
}

/// What the library's task is called with.
struct TaskData(*mut c_void);

// SAFETY: the library says that tasks may run in any thread.
unsafe impl Sync for TaskData {}

/// `user` is a `Loop`. The library counts on every task being called once; the caller's function may be wrong, so that
/// calls are counted here.
pub(crate) unsafe extern "C" fn run_loop(
    user: *mut c_void,
    count: i64,
    task: sys::spinel_task,
    data: *mut c_void,
) {
    let parallel_for = &*(user as *const Loop);
    let task = match task {
        Some(task) => task,
        None => return,
    };
    let data = TaskData(data);
    let count = usize::try_from(count).unwrap_or(0);
    let called: Vec<AtomicBool> = (0..count).map(|_| AtomicBool::new(false)).collect();
    let call = |index: usize| {
        // The whole struct, which is Sync; its field is not.
        let data = &data;
        if called.get(index).map_or(false, |called| !called.swap(true, Ordering::Relaxed)) {
            // They belong together, and each index comes once.
            task(data.0, index as i64);
        }
    };
    guarded(|| parallel_for(count, &call));
    for index in 0..count {
        call(index);
    }
}
