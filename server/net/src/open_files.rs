//! How many files the process may have open. Each connection is one, and the store needs some for itself: without
//! them it could not write.

/// How many files the store and the rest of the process may need.
const RESERVED: u64 = 2_048;

/// What the system allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// How many files the process may have open, as far as that is known.
    pub max: Option<u64>,
    /// How many connections it may have.
    pub connections_max: usize,
}

/// Has the system allow as many open files as there may be connections, and those that the store needs. Where it
/// does not, there may be fewer connections: a quarter of the files, at most 2,048, are left to the store.
#[must_use]
pub fn allow_open_files(connections_max: usize) -> OpenFiles {
    let wanted = (connections_max as u64).saturating_add(RESERVED);
    let max = raise(wanted);
    let room = max.map_or(u64::MAX, |max| max - RESERVED.min(max / 4));
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    OpenFiles {
        max,
        connections_max: connections_max.min(room),
    }
}

/// Raises the limit as far as possible up to `wanted`; what it is then, if there is one.
#[cfg(unix)]
fn raise(wanted: u64) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return current;
    }
    let limit = |current: u64, maximum| Rlimit {
        current: Some(current),
        maximum,
    };
    // Beyond the maximum only with the privilege.
    let most = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let higher = maximum.map(|maximum| maximum.max(wanted));
    let _ = setrlimit(Resource::Nofile, limit(wanted, higher))
        .or_else(|_| setrlimit(Resource::Nofile, limit(most, maximum)));
    getrlimit(Resource::Nofile).current
}

#[cfg(not(unix))]
fn raise(_: u64) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_connections_than_files_for_them() {
        let few = allow_open_files(10);
        assert_eq!(few.connections_max, 10);
        let many = allow_open_files(1 << 40);
        match many.max {
            None => assert_eq!(many.connections_max, 1 << 40),
            Some(max) => {
                assert!((many.connections_max as u64) < max, "{many:?}");
                assert!(many.connections_max as u64 >= max / 4 * 3, "{many:?}");
            }
        }
    }
}
