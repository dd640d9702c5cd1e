//! What may be granted: actions on graphs, bundled into roles.

use std::fmt;
use std::sync::Arc;

/// What can be done with a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read its present.
    Read,
    /// Read its past.
    ReadPast,
    /// Change its data.
    Write,
    /// Change its indexes and constraints.
    Schema,
    /// Make and drop it; on every graph: users, roles and keys too.
    Admin,
    /// Read who tried to log in and who changed users, roles and keys.
    Audit,
}

impl Action {
    /// All there are.
    pub const ALL: [Self; 6] = [
        Self::Read,
        Self::ReadPast,
        Self::Write,
        Self::Schema,
        Self::Admin,
        Self::Audit,
    ];

    /// Its name in grants.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadPast => "read-past",
            Self::Write => "write",
            Self::Schema => "schema",
            Self::Admin => "admin",
            Self::Audit => "audit",
        }
    }

    /// The action of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// A set of actions.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Actions(u8);

impl Actions {
    /// Every action.
    pub const ALL: Self = Self::of(&Action::ALL);

    /// A set of these.
    #[must_use]
    pub const fn of(actions: &[Action]) -> Self {
        let mut set = 0;
        let mut at = 0;
        while at < actions.len() {
            set |= 1 << actions[at] as u8;
            at += 1;
        }
        Self(set)
    }

    /// Whether an action is in it.
    #[must_use]
    pub const fn contains(self, action: Action) -> bool {
        self.0 & (1 << action as u8) != 0
    }

    /// These and others.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These without others.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its actions in order.
    pub fn iter(self) -> impl Iterator<Item = Action> {
        Action::ALL
            .into_iter()
            .filter(move |action| self.contains(*action))
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        actions
            .into_iter()
            .fold(Self(0), |set, action| Self(set.0 | 1 << action as u8))
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(Action::name))
            .finish()
    }
}

/// In a grant: every graph of the principal's own tenant.
pub const EVERY_GRAPH: &str = "*";

/// Actions on a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The name of the graph, or [`EVERY_GRAPH`].
    pub graph: Arc<str>,
    /// What is allowed there.
    pub actions: Actions,
}

/// A role that is always there.
pub struct BuiltInRole {
    /// Its name.
    pub name: &'static str,
    /// What it allows on every graph of the tenant.
    pub actions: Actions,
    /// Whether it reaches the graphs of all tenants, and `system`.
    pub is_operator: bool,
}

/// The roles that are always there. They cannot be changed.
pub const ROLES: [BuiltInRole; 5] = [
    BuiltInRole {
        name: "reader",
        actions: Actions::of(&[Action::Read, Action::ReadPast]),
        is_operator: false,
    },
    BuiltInRole {
        name: "editor",
        actions: Actions::of(&[Action::Read, Action::ReadPast, Action::Write]),
        is_operator: false,
    },
    BuiltInRole {
        name: "architect",
        actions: Actions::of(&[
            Action::Read,
            Action::ReadPast,
            Action::Write,
            Action::Schema,
        ]),
        is_operator: false,
    },
    BuiltInRole {
        name: "auditor",
        actions: Actions::of(&[Action::Read, Action::ReadPast, Action::Audit]),
        is_operator: false,
    },
    BuiltInRole {
        name: "admin",
        actions: Actions::ALL,
        is_operator: true,
    },
];

/// The role of a name among those that are always there.
pub(crate) fn built_in(name: &str) -> Option<&'static BuiltInRole> {
    ROLES.iter().find(|role| role.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        for action in Action::ALL {
            assert_eq!(Action::from_name(action.name()), Some(action));
            assert_eq!(Actions::of(&[action]).iter().collect::<Vec<_>>(), [action]);
        }
        let set: Actions = [Action::Write, Action::Read].into_iter().collect();
        assert_eq!(format!("{set:?}"), r#"{"read", "write"}"#);
        let rest = set.without(Actions::of(&[Action::Write, Action::Admin]));
        assert_eq!(rest, Actions::of(&[Action::Read]));
        assert_eq!(rest.with(Actions::of(&[Action::Write])), set);
        assert!(set.without(set).is_empty() && !rest.is_empty());
        assert_eq!(Action::from_name("everything"), None);
    }
}
