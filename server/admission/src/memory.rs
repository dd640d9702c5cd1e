//! Budgets of memory within budgets: query, user, tenant, process.
//!
//! What is taken from a pool is taken from those around it as well. The outermost one keeps an eighth for
//! tenants that hold little: however much others ask for, light queries find room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The share of the outermost budget that only those get who hold no more than that share.
const SPARE: usize = 8;

/// Somebody's budget of memory.
#[derive(Debug)]
pub struct Pool {
    /// Whose it is, for messages.
    whose: String,
    bytes_max: AtomicUsize,
    bytes: AtomicUsize,
    around: Option<Arc<Self>>,
}

/// A budget of memory is used up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the memory of {whose} ({bytes_max} bytes) is used up")]
pub struct OverBudget {
    /// Whose budget.
    pub whose: String,
    /// How much it is.
    pub bytes_max: usize,
    /// Whether it is shared with others, so that trying again later may help.
    pub is_shared: bool,
}

impl Pool {
    /// The outermost budget.
    #[must_use]
    pub fn outermost(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            whose: "the server".to_owned(),
            bytes_max: AtomicUsize::new(bytes_max),
            bytes: AtomicUsize::new(0),
            around: None,
        })
    }

    /// A budget within another; without a limit of its own if `bytes_max` is absent.
    #[must_use]
    pub fn within(around: &Arc<Self>, whose: String, bytes_max: Option<usize>) -> Arc<Self> {
        Arc::new(Self {
            whose,
            bytes_max: AtomicUsize::new(bytes_max.unwrap_or(usize::MAX)),
            bytes: AtomicUsize::new(0),
            around: Some(Arc::clone(around)),
        })
    }

    /// Changes the limit; what is held already stays.
    pub fn limit(&self, bytes_max: Option<usize>) {
        self.bytes_max
            .store(bytes_max.unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// How much is held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How much may be held.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.bytes_max.load(Ordering::Relaxed)
    }

    /// Takes memory, here and in all budgets around.
    ///
    /// # Errors
    /// One of them does not have it; nothing is taken then.
    pub fn take(&self, bytes: usize) -> Result<(), OverBudget> {
        self.take_as(bytes, 0)
    }

    /// Takes memory for one that holds so much already, all in all.
    fn take_as(&self, bytes: usize, held: usize) -> Result<(), OverBudget> {
        let bytes_max = self.bytes_max();
        let allowed = match self.around {
            Some(_) => bytes_max,
            None if held > bytes_max / SPARE => bytes_max - bytes_max / SPARE,
            None => bytes_max,
        };
        let taken = self
            .bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |there| {
                there.checked_add(bytes).filter(|sum| *sum <= allowed)
            });
        let before = taken.map_err(|_| OverBudget {
            whose: self.whose.clone(),
            bytes_max: allowed,
            is_shared: true,
        })?;
        let Some(around) = &self.around else {
            return Ok(());
        };
        // The one just below the outermost is the tenant.
        around.take_as(bytes, before + bytes).inspect_err(|_| {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        })
    }

    /// Gives memory back, here and in all budgets around.
    pub fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(around) = &self.around {
            around.give_back(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_counts_everywhere_around_and_what_is_refused_nowhere() {
        let process = Pool::outermost(8_000);
        let tenant = Pool::within(&process, "the tenant `a`".to_owned(), Some(3_000));
        let user = Pool::within(&tenant, "the user `u`".to_owned(), Some(2_000));
        user.take(1_500).expect("room");
        let over = user.take(1_000).expect_err("the user's");
        assert_eq!(
            (over.whose.as_str(), over.bytes_max),
            ("the user `u`", 2_000)
        );
        let other = Pool::within(&tenant, "the user `v`".to_owned(), None);
        assert_eq!(
            other.take(2_000).expect_err("the tenant's").whose,
            "the tenant `a`"
        );
        assert_eq!(
            (user.bytes(), other.bytes(), tenant.bytes(), process.bytes()),
            (1_500, 0, 1_500, 1_500)
        );
        user.give_back(1_500);
        assert_eq!((user.bytes(), tenant.bytes(), process.bytes()), (0, 0, 0));
        tenant.limit(Some(100));
        assert!(other.take(200).is_err());
    }

    #[test]
    fn heavy_tenants_leave_room_for_light_ones() {
        let process = Pool::outermost(8_000);
        let heavy = Pool::within(&process, "heavy".to_owned(), None);
        while heavy.take(100).is_ok() {}
        assert_eq!(process.bytes(), 7_000);
        let light = Pool::within(&process, "light".to_owned(), None);
        for _ in 0..10 {
            light.take(100).expect("room for those who hold little");
        }
        assert_eq!(light.take(100).expect_err("no more").whose, "the server");
        assert!(process.bytes() <= process.bytes_max());
    }
}
