//! The one place where it is decided who may do what.

use std::fmt;

use retrograph_graph::ids::SystemTime;

use crate::{Action, EVERY_GRAPH, Grant, Principal};

/// The graph that describes the others.
const SYSTEM: &str = "system";

/// What something is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource<'a> {
    /// The name of the graph, or [`EVERY_GRAPH`] for what is about no single one.
    pub graph: &'a str,
    /// The tenant that owns it.
    pub tenant: &'a str,
}

/// Under which circumstances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// When.
    pub now: SystemTime,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may be done.
    Allow,
    /// What the principal was recognised by has ended; recognise them again.
    Expired,
    /// Nothing may be done before the password is changed.
    MustChangePassword,
    /// It may not be done.
    Deny {
        /// What.
        action: Action,
        /// Where.
        graph: String,
    },
}

impl Decision {
    /// Whether it may be done.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow)
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allowed"),
            Self::Expired => f.write_str("the credentials have expired; log in again"),
            Self::MustChangePassword => f.write_str(
                "the password must be changed first: ALTER CURRENT USER SET PASSWORD FROM $old TO $new",
            ),
            Self::Deny { action, graph } => write!(
                f,
                "the action `{}` on graph `{graph}` is not granted; an administrator can grant a role \
                 that has it",
                action.name()
            ),
        }
    }
}

/// Whether a principal may do something to a graph.
///
/// What a role allows, on [`EVERY_GRAPH`] or on a graph by its name, reaches the graphs of the principal's tenant,
/// and those of others as far as these let the tenant. What concerns all tenants is for operators: the graph
/// `system`, and administration beyond single graphs.
#[must_use]
pub fn decide(
    principal: &Principal,
    action: Action,
    resource: &Resource<'_>,
    context: &Context,
) -> Decision {
    if principal.expires.is_some_and(|end| end <= context.now) {
        return Decision::Expired;
    }
    if principal.must_change_password {
        return Decision::MustChangePassword;
    }
    let is_allowed = match resource.graph {
        SYSTEM => principal.is_operator,
        EVERY_GRAPH if action == Action::Admin => principal.is_operator,
        graph => {
            let allows = |grants: &[Grant]| {
                let mut grants = grants.iter();
                grants.any(|grant| {
                    let reaches = &*grant.graph == EVERY_GRAPH || &*grant.graph == graph;
                    reaches && grant.actions.contains(action)
                })
            };
            let is_own = *principal.tenant == *resource.tenant;
            let is_reached = principal.is_operator || is_own || allows(&principal.tenant_grants);
            is_reached && allows(&principal.grants)
        }
    };
    if is_allowed {
        Decision::Allow
    } else {
        Decision::Deny {
            action,
            graph: resource.graph.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Actions;
    use crate::role::built_in;

    const NOW: Context = Context {
        now: SystemTime(1_000),
    };

    fn with_role(name: &str) -> Principal {
        let role = built_in(name).expect("a role");
        Principal {
            id: "1".into(),
            name: "ana".into(),
            tenant: "main".into(),
            grants: [Grant {
                graph: EVERY_GRAPH.into(),
                actions: role.actions,
            }]
            .into(),
            tenant_grants: Arc::default(),
            is_operator: role.is_operator,
            proof: crate::Proof::Password,
            must_change_password: false,
            expires: None,
        }
    }

    fn may(principal: &Principal, action: Action, graph: &str, tenant: &str) -> bool {
        decide(principal, action, &Resource { graph, tenant }, &NOW).is_allowed()
    }

    #[test]
    fn roles_reach_the_graphs_of_the_tenant_only() {
        use Action::{Admin, Audit, Read, ReadPast, Schema, Write};
        for (role, allowed) in [
            ("reader", &[Read, ReadPast][..]),
            ("editor", &[Read, ReadPast, Write]),
            ("architect", &[Read, ReadPast, Write, Schema]),
            ("auditor", &[Read, ReadPast, Audit]),
            ("admin", &Action::ALL),
        ] {
            let principal = with_role(role);
            for action in Action::ALL {
                let here = may(&principal, action, "harbor", "main");
                assert_eq!(here, allowed.contains(&action), "{role} {action:?}");
                let elsewhere = may(&principal, action, "harbor", "other");
                assert_eq!(elsewhere, here && role == "admin", "{role} {action:?}");
            }
        }
        assert!(!may(&with_role("editor"), Admin, "harbor", "main"));
    }

    #[test]
    fn the_system_graph_is_for_operators() {
        for role in ["reader", "editor", "architect", "auditor", "admin"] {
            let principal = with_role(role);
            let is_admin = role == "admin";
            assert_eq!(
                may(&principal, Action::Read, "system", "main"),
                is_admin,
                "{role}"
            );
            assert_eq!(
                may(&principal, Action::Audit, "system", "main"),
                is_admin,
                "{role}"
            );
        }
        let mut named = with_role("reader");
        named.grants = [Grant {
            graph: "system".into(),
            actions: Actions::ALL,
        }]
        .into();
        assert!(
            !may(&named, Action::Read, "system", "main"),
            "no grant names it"
        );
    }

    #[test]
    fn a_grant_that_names_a_graph_reaches_no_other() {
        let mut principal = with_role("reader");
        principal.grants = [Grant {
            graph: "harbor".into(),
            actions: Actions::of(&[Action::Write]),
        }]
        .into();
        assert!(may(&principal, Action::Write, "harbor", "main"));
        assert!(!may(&principal, Action::Read, "harbor", "main"));
        assert!(!may(&principal, Action::Write, "harbour", "main"));
    }

    #[test]
    fn graphs_of_others_are_reached_as_far_as_both_role_and_tenant_are_let() {
        let grant = |graph: &str, actions: &[Action]| Grant {
            graph: graph.into(),
            actions: Actions::of(actions),
        };
        let mut principal = with_role("editor");
        assert!(!may(&principal, Action::Read, "harbor", "other"));
        principal.tenant_grants = [grant("harbor", &[Action::Read, Action::Schema])].into();
        assert!(may(&principal, Action::Read, "harbor", "other"));
        assert!(
            !may(&principal, Action::Write, "harbor", "other"),
            "the tenant is not let"
        );
        assert!(
            !may(&principal, Action::Schema, "harbor", "other"),
            "the role does not allow it"
        );
        assert!(!may(&principal, Action::Read, "port", "other"));
        // A role that names a graph is no way around its owner.
        principal.grants = [grant("port", &[Action::Read])].into();
        assert!(!may(&principal, Action::Read, "port", "other"));
        assert!(may(&principal, Action::Read, "port", "main"));
    }

    #[test]
    fn administration_of_everything_is_for_operators() {
        let mut principal = with_role("reader");
        principal.grants = [Grant {
            graph: EVERY_GRAPH.into(),
            actions: Actions::ALL,
        }]
        .into();
        assert!(!may(&principal, Action::Admin, EVERY_GRAPH, "main"));
        assert!(may(&principal, Action::Audit, EVERY_GRAPH, "main"));
        assert!(may(&principal, Action::Admin, "harbor", "main"));
        assert!(may(&with_role("admin"), Action::Admin, EVERY_GRAPH, "main"));
    }

    #[test]
    fn what_has_expired_allows_nothing_and_so_does_a_password_to_be_changed() {
        let resource = Resource {
            graph: "harbor",
            tenant: "main",
        };
        let mut principal = with_role("admin");
        principal.must_change_password = true;
        let decided = decide(&principal, Action::Read, &resource, &NOW);
        assert_eq!(decided, Decision::MustChangePassword);
        principal.expires = Some(SystemTime(1_000));
        assert_eq!(
            decide(&principal, Action::Read, &resource, &NOW),
            Decision::Expired
        );
        principal.must_change_password = false;
        principal.expires = Some(SystemTime(1_001));
        assert!(may(&principal, Action::Read, "harbor", "main"));
    }
}
