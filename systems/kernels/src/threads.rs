//! Threads that work on one run at a time, and sleep between runs.

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};

/// Looks at the state before a thread yields its core: a few microseconds, the time between two
/// steps of a run. Whoever shares the core, a decoder above all, is then let in.
const SPINS_BEFORE_YIELD: u32 = 2_000;
/// Yields before a thread that has no run goes to sleep.
const YIELDS_BEFORE_SLEEP: u32 = 8;

/// What is run: steps one after the other, each of tasks that do not depend on each other.
pub(crate) trait Job: Sync {
    fn steps(&self) -> usize;
    /// Fewer than 2^20.
    fn tasks(&self, step: usize) -> usize;
    /// Does a task. `thread` is a number below [`Threads::count`] that no other thread has.
    fn work(&self, step: usize, task: usize, thread: usize);
}

/// The calling thread and its helpers.
pub(crate) struct Threads {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    /// One run at a time.
    running: Mutex<()>,
}

struct Shared {
    /// [`Ticket`] of the next task. A thread takes one by adding 1.
    ticket: AtomicU64,
    /// Tasks of the step that are done.
    done: AtomicUsize,
    /// What the tickets are for. Read only by who holds the ticket of an unfinished task: the run
    /// cannot end before it is.
    job: UnsafeCell<Option<&'static dyn Job>>,
    panicked: AtomicBool,
    stopping: AtomicBool,
    asleep: Vec<AtomicBool>,
}

// SAFETY: `job` is written only while no ticket is out, see there.
unsafe impl Sync for Shared {}
// SAFETY: `job` refers to a `Sync` value.
unsafe impl Send for Shared {}

/// A step, how many tasks it has, and which is next, in one number, so that a thread that comes
/// late cannot take a task of another step than it thinks.
#[derive(Clone, Copy)]
struct Ticket {
    step: u64,
    tasks: u64,
    next: u64,
}

const TASK_BITS: u32 = 20;

impl Ticket {
    /// Between runs: a step without tasks.
    const IDLE: Self = Self { step: (1 << 24) - 1, tasks: 0, next: 0 };

    fn pack(self) -> u64 {
        self.step << (2 * TASK_BITS) | self.tasks << TASK_BITS | self.next
    }

    fn unpack(bits: u64) -> Self {
        let mask = (1 << TASK_BITS) - 1;
        Self { step: bits >> (2 * TASK_BITS), tasks: bits >> TASK_BITS & mask, next: bits & mask }
    }

    fn is_task(self) -> bool {
        self.next < self.tasks
    }

    fn is_idle(self) -> bool {
        self.step == Self::IDLE.step
    }
}

impl Threads {
    /// The threads that everybody who asks for `count` shares: runs of different networks follow
    /// each other on them.
    pub fn shared(count: usize) -> Arc<Self> {
        static ALL: Mutex<Vec<Weak<Threads>>> = Mutex::new(Vec::new());
        let mut all = lock(&ALL);
        all.retain(|threads| threads.strong_count() > 0);
        let found = all.iter().filter_map(Weak::upgrade).find(|threads| threads.count() == count);
        found.unwrap_or_else(|| {
            let threads = Arc::new(Self::start(count));
            all.push(Arc::downgrade(&threads));
            threads
        })
    }

    fn start(count: usize) -> Self {
        let helpers = count.saturating_sub(1);
        let shared = Arc::new(Shared {
            ticket: AtomicU64::new(Ticket::IDLE.pack()),
            done: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            panicked: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            asleep: (0..helpers).map(|_| AtomicBool::new(false)).collect(),
        });
        let helpers = (0..helpers)
            .filter_map(|helper| {
                let shared = Arc::clone(&shared);
                // Without a helper the others do its work.
                let thread = thread::Builder::new().name(format!("kernels {}", helper + 1));
                thread.spawn(move || shared.help(helper)).ok()
            })
            .collect();
        Self { shared, helpers, running: Mutex::new(()) }
    }

    /// How many threads work, the calling one included.
    pub fn count(&self) -> usize {
        self.shared.asleep.len() + 1
    }

    /// Runs all steps, tells of each when it is done, and returns when the last one is.
    ///
    /// # Panics
    ///
    /// If a task does.
    pub fn run(&self, job: &dyn Job, done: &mut dyn FnMut(usize)) {
        let _running = lock(&self.running);
        let shared = &*self.shared;
        // SAFETY: only its lifetime changes, and it is forgotten before this function returns. No
        // ticket is out: the last run ended with all of its tasks done.
        unsafe {
            let job = std::mem::transmute::<&dyn Job, &'static dyn Job>(job);
            *shared.job.get() = Some(job);
        }
        for step in 0..job.steps() {
            let tasks = job.tasks(step);
            if tasks == 0 {
                done(step);
                continue;
            }
            shared.done.store(0, Ordering::Relaxed);
            let first = Ticket { step: step as u64, tasks: tasks as u64, next: 0 };
            shared.ticket.store(first.pack(), Ordering::SeqCst);
            if tasks > 1 {
                self.wake();
            }
            while shared.take_task(0) {}
            wait_until(|| shared.done.load(Ordering::Acquire) == tasks);
            done(step);
        }
        shared.ticket.store(Ticket::IDLE.pack(), Ordering::SeqCst);
        // SAFETY: all tasks are done and no further ticket can be taken.
        unsafe { *shared.job.get() = None };
        assert!(!shared.panicked.swap(false, Ordering::Relaxed), "a kernel panicked");
    }

    fn wake(&self) {
        for (asleep, helper) in self.shared.asleep.iter().zip(&self.helpers) {
            if asleep.swap(false, Ordering::SeqCst) {
                helper.thread().unpark();
            }
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for helper in self.helpers.drain(..) {
            helper.thread().unpark();
            // It caught its panics, and told of them in the run.
            let _ = helper.join();
        }
    }
}

impl Shared {
    /// Does one task of the current step, if one is left.
    fn take_task(&self, thread: usize) -> bool {
        // Looking before taking: the count of the next task must not run over.
        if !Ticket::unpack(self.ticket.load(Ordering::SeqCst)).is_task() {
            return false;
        }
        let ticket = Ticket::unpack(self.ticket.fetch_add(1, Ordering::SeqCst));
        if !ticket.is_task() {
            return false;
        }
        // SAFETY: this ticket's task is not done, so the run has not ended.
        let job = unsafe { *self.job.get() };
        let job = job.expect("a ticket is only out during a run");
        let work = || job.work(ticket.step as usize, ticket.next as usize, thread);
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            self.panicked.store(true, Ordering::Relaxed);
        }
        self.done.fetch_add(1, Ordering::Release);
        true
    }

    /// The life of a helper.
    fn help(&self, helper: usize) {
        let (mut spins, mut yields) = (0, 0);
        while !self.stopping.load(Ordering::Relaxed) {
            if self.take_task(helper + 1) {
                (spins, yields) = (0, 0);
            } else if spins < SPINS_BEFORE_YIELD {
                spins += 1;
                std::hint::spin_loop();
            } else if yields < YIELDS_BEFORE_SLEEP {
                (spins, yields) = (0, yields + 1);
                thread::yield_now();
            } else {
                (spins, yields) = (0, 0);
                self.sleep(helper);
            }
        }
    }

    /// Sleeps until a run begins.
    fn sleep(&self, helper: usize) {
        let asleep = &self.asleep[helper];
        asleep.store(true, Ordering::SeqCst);
        // Whoever starts a run first publishes it, then looks who is asleep; here it is the other
        // way round, so that one of the two sees the other.
        let idle = || Ticket::unpack(self.ticket.load(Ordering::SeqCst)).is_idle();
        while idle() && asleep.load(Ordering::SeqCst) && !self.stopping.load(Ordering::SeqCst) {
            thread::park();
        }
        asleep.store(false, Ordering::SeqCst);
    }
}

fn wait_until(condition: impl Fn() -> bool) {
    let mut spins = 0;
    while !condition() {
        spins += 1;
        if spins % SPINS_BEFORE_YIELD == 0 {
            thread::yield_now();
        }
        std::hint::spin_loop();
    }
}

/// What is guarded stays right when a thread panics with it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
