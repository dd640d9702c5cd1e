//! Versions of the protocol and what sets them apart.

use std::fmt;

use crate::structure::Dialect;

/// A version of the protocol that this crate speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The part before the point.
    pub major: u8,
    /// The part behind it.
    pub minor: u8,
}

/// The versions spoken, newest first. There is no 5.5.
pub const SUPPORTED: [Version; 9] = [
    Version::new(5, 8),
    Version::new(5, 7),
    Version::new(5, 6),
    Version::new(5, 4),
    Version::new(5, 3),
    Version::new(5, 2),
    Version::new(5, 1),
    Version::new(5, 0),
    Version::new(4, 4),
];

impl Version {
    /// A version, spoken or not.
    #[must_use]
    pub const fn new(major: u8, minor: u8) -> Self {
        Self { major, minor }
    }

    /// Whether this crate speaks it.
    #[must_use]
    pub fn is_supported(self) -> bool {
        SUPPORTED.contains(&self)
    }

    /// Authentication has a message of its own, LOGON; before, HELLO carries the token.
    #[must_use]
    pub fn has_logon(self) -> bool {
        self >= Self::new(5, 1)
    }

    /// There is a TELEMETRY message.
    #[must_use]
    pub fn has_telemetry(self) -> bool {
        self >= Self::new(5, 4)
    }

    /// Clients may filter notifications.
    #[must_use]
    pub fn has_notification_filter(self) -> bool {
        self >= Self::new(5, 2)
    }

    /// Notifications are classified, and called statuses; before, they have categories.
    #[must_use]
    pub fn has_statuses(self) -> bool {
        self >= Self::new(5, 6)
    }

    /// Failures carry a GQL status.
    #[must_use]
    pub fn has_gql_failures(self) -> bool {
        self >= Self::new(5, 7)
    }

    /// The server says which database it chose when the client named none, and its own address.
    #[must_use]
    pub fn has_home_database(self) -> bool {
        self >= Self::new(5, 8)
    }

    /// Structures may be patched by agreement in HELLO: datetimes in UTC.
    #[must_use]
    pub fn has_patches(self) -> bool {
        self < Self::new(5, 0)
    }

    /// How values are encoded, before any patch is agreed on.
    #[must_use]
    pub fn dialect(self) -> Dialect {
        let is_five = self >= Self::new(5, 0);
        Dialect {
            element_ids: is_five,
            utc: is_five,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
