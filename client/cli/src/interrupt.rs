//! Ctrl-C: stops what is running, not the program, unless nothing is running or it is pressed twice.
//!
//! What is running registers how it is stopped for as long as it runs. A process that ends at once
//! harms nothing: what was acknowledged is durable, what was not has no effect.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use crate::failure::Kind;

type Stop = Box<dyn Fn() + Send>;

struct Running {
    stop: Stop,
    is_stopping: bool,
}

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// As long as it lives, Ctrl-C stops the work it stands for.
pub struct Interruptible(());

impl Drop for Interruptible {
    fn drop(&mut self) {
        *running() = None;
    }
}

/// Makes the first Ctrl-C call `stop`, a second one end the process.
pub fn interruptible(stop: impl Fn() + Send + 'static) -> Interruptible {
    static HANDLER: Once = Once::new();
    HANDLER.call_once(|| {
        // Without a handler Ctrl-C ends the process, which is a fair way to stop as well.
        let _ = ctrlc::set_handler(on_signal);
    });
    *running() = Some(Running {
        stop: Box::new(stop),
        is_stopping: false,
    });
    Interruptible(())
}

fn on_signal() {
    match &mut *running() {
        Some(running) if !running.is_stopping => {
            running.is_stopping = true;
            (running.stop)();
        }
        _ => std::process::exit(Kind::Interrupted as i32),
    }
}

fn running() -> MutexGuard<'static, Option<Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
