//! What keeps a chart from taking more time or memory than it may.

use std::cell::Cell;
use std::time::Duration;

/// How deep actions may be nested in a template's text.
pub const MAX_TEMPLATE_NESTING: usize = 2_000;

/// How deep expressions may be nested in parentheses; Go allows 10000.
pub const MAX_EXPRESSION_DEPTH: usize = 1_000;

/// How deep `template`, `include` and `tpl` may call each other. Go allows 100000 for `template`; nobody but an endless
/// recursion comes near either.
pub const MAX_CALL_DEPTH: usize = 10_000;

/// A limit of time. The clock is the caller's: the engine has none.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimit {
    /// The time since some moment in the past.
    pub clock: fn() -> Duration,
    /// How long it may take.
    pub limit: Duration,
}

/// What the rendering of one release may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Steps: nodes that are executed, functions that are called, elements that are walked over.
    pub steps: u64,
    /// How often one name is included inside itself; Helm's own bound is 1000.
    pub includes: usize,
    /// How long it takes; without, as long as its steps do.
    pub time: Option<TimeLimit>,
    /// The bytes of one template's output.
    pub output_bytes: usize,
    /// The bytes of one string that a function makes.
    pub string_bytes: usize,
    /// The elements of one list that a function makes (`until`, `seq`, `concat`...).
    pub list_items: usize,
    /// How deep lists and maps may be nested in each other where they are written out or compared.
    pub value_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 20_000_000,
            includes: 1_000,
            time: None,
            output_bytes: 64 << 20,
            string_bytes: 64 << 20,
            list_items: 1_000_000,
            value_depth: 500,
        }
    }
}

/// What may be used of a thread's stack below the place where it first comes here: all threads of ours have much more.
const FREE: usize = 128 << 10;

/// Runs something that recurses, on a stack that grows where it must.
pub fn with_stack<T>(run: impl FnOnce() -> T) -> T {
    thread_local!(static FIRST: Cell<usize> = const { Cell::new(0) });

    // To ask the system how much is left takes longer than most templates do.
    let here = std::ptr::from_ref(&run).addr();
    if FIRST.get() == 0 {
        FIRST.set(here);
    }
    if FIRST.get().abs_diff(here) < FREE {
        return run();
    }
    stacker::maybe_grow(256 << 10, 4 << 20, run)
}
