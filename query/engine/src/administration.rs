//! What statements of administration are, in the words of procedures.
//!
//! The engine keeps no users. Whoever does registers procedures, which people may call as well; a statement is a call
//! of one of them. This module holds the names by which the two know each other.

use retrograph_cypher::ast::{Administered, AdministrationCommand, Privilege};
use retrograph_cypher::{Detail, Diagnostic, Span};

/// `user.changePassword`, which everybody may call.
pub(crate) const CHANGE_PASSWORD: &str = "user.changePassword";

/// The procedure that does what a statement asks for.
pub(crate) const fn procedure(command: &AdministrationCommand) -> &'static str {
    use AdministrationCommand as Command;
    match command {
        Command::CreateUser(_) => "user.create",
        Command::AlterUser(_) => "user.alter",
        Command::ChangePassword { .. } => CHANGE_PASSWORD,
        Command::CreateRole(_) => "role.create",
        Command::Rename { what, .. } => match what {
            Administered::User => "user.rename",
            Administered::Role => "role.rename",
        },
        Command::Drop { what, .. } => match what {
            Administered::User => "user.drop",
            Administered::Role => "role.drop",
        },
        Command::AssignRoles(_) => "role.assign",
        Command::UnassignRoles(_) => "role.unassign",
        Command::Grant(_) => "role.allow",
        Command::Revoke(_) => "role.disallow",
    }
}

/// The actions that a privilege consists of.
pub(crate) const fn actions(privilege: Privilege) -> &'static [&'static str] {
    match privilege {
        Privilege::Read => &["read"],
        Privilege::ReadPast => &["read-past"],
        Privilege::Write => &["write"],
        Privilege::ReadAndWrite => &["read", "write"],
        Privilege::Schema => &["schema"],
        Privilege::Admin => &["admin"],
        Privilege::Audit => &["audit"],
    }
}

/// The privilege that is an action and no more.
pub(crate) fn privilege(action: &str) -> Option<Privilege> {
    let mut all = Privilege::ALL.into_iter();
    all.find(|privilege| actions(*privilege) == [action])
}

/// The error where nobody keeps users.
pub(crate) fn nobody_keeps_users(span: Span) -> Diagnostic {
    Diagnostic::error(
        Detail::ProcedureNotFound,
        span,
        "there are no users and roles here",
    )
    .help("a server keeps them that asks its clients who they are: `retrograph serve` without `--no-auth`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_one_privilege() {
        for all in Privilege::ALL {
            if let [action] = actions(all) {
                assert_eq!(privilege(action), Some(all));
            }
        }
        assert_eq!(privilege("fly"), None);
    }
}
