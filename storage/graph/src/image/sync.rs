//! The atomics and cells that publication rests on: those of the standard library, or under
//! `cfg(loom)` those of the model checker, so that `delta.rs` is checked as it runs.

#[cfg(not(loom))]
pub(crate) use std::sync::OnceLock;
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, Ordering};
#[cfg(loom)]
pub(crate) use model::OnceLock;

#[cfg(loom)]
mod model {
    //! A cell that one thread fills once, with the ordering that the standard one promises.

    use loom::cell::UnsafeCell;
    use loom::sync::atomic::{AtomicBool, Ordering};

    pub(crate) struct OnceLock<T> {
        is_set: AtomicBool,
        cell: UnsafeCell<Option<T>>,
    }

    // Shared only after `is_set`, after which nobody writes; the model checker verifies just that.
    #[allow(unsafe_code)]
    unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}

    impl<T> Default for OnceLock<T> {
        fn default() -> Self {
            Self::new()
        }
    }

    impl<T> OnceLock<T> {
        pub fn new() -> Self {
            Self {
                is_set: AtomicBool::new(false),
                cell: UnsafeCell::new(None),
            }
        }

        #[allow(unsafe_code)]
        pub fn get(&self) -> Option<&T> {
            if !self.is_set.load(Ordering::Acquire) {
                return None;
            }
            self.cell.with(|value| unsafe { (*value).as_ref() })
        }

        #[allow(unsafe_code)]
        pub fn set(&self, value: T) -> Result<(), T> {
            if self.is_set.load(Ordering::Relaxed) {
                return Err(value);
            }
            self.cell.with_mut(|cell| unsafe { *cell = Some(value) });
            self.is_set.store(true, Ordering::Release);
            Ok(())
        }

        pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
            if self.get().is_none() {
                let _ = self.set(make());
            }
            self.get().expect("has just been set")
        }
    }
}
