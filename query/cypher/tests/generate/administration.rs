//! Random statements about users, roles and what roles allow.

use retrograph_cypher::Span;
use retrograph_cypher::ast::*;

use super::{Generator, STRINGS};

pub(super) fn statement(g: &mut Generator<'_>) -> Administration {
    let command = match g.below(10) {
        0 => AdministrationCommand::CreateUser(CreateUser {
            name: name(g),
            existing: existing(g),
            settings: UserSettings {
                password: Some(password(g)),
                ..settings(g)
            },
        }),
        1 => AdministrationCommand::AlterUser(AlterUser {
            name: name(g),
            if_exists: g.flip(),
            settings: match settings(g) {
                nothing if nothing == UserSettings::default() => UserSettings {
                    is_suspended: Some(true),
                    ..nothing
                },
                settings => settings,
            },
        }),
        2 => AdministrationCommand::ChangePassword {
            old: password(g),
            new: password(g),
        },
        3 => AdministrationCommand::CreateRole(CreateRole {
            name: name(g),
            existing: existing(g),
            copy_of: g.maybe(name),
        }),
        4 => AdministrationCommand::Rename {
            what: administered(g),
            name: name(g),
            to: name(g),
            if_exists: g.flip(),
        },
        5 => AdministrationCommand::Drop {
            what: administered(g),
            name: name(g),
            if_exists: g.flip(),
        },
        6 => AdministrationCommand::AssignRoles(assignment(g)),
        7 => AdministrationCommand::UnassignRoles(assignment(g)),
        8 => AdministrationCommand::Grant(grant(g)),
        _ => AdministrationCommand::Revoke(grant(g)),
    };
    Administration {
        command,
        span: Span::default(),
    }
}

/// `SHOW … PRIVILEGES`.
pub(super) fn privileges(g: &mut Generator<'_>) -> ShowSubject {
    let of = match g.below(3) {
        0 => PrivilegesOf::Everybody,
        1 => PrivilegesOf::Roles(g.many(1, name)),
        _ => PrivilegesOf::Users(g.many(0, name)),
    };
    let shown = [
        PrivilegesAs::Columns,
        PrivilegesAs::Grants,
        PrivilegesAs::Revocations,
    ];
    ShowSubject::Privileges(of, shown[g.below(3)])
}

pub(super) fn name(g: &mut Generator<'_>) -> NameOrParameter {
    match g.below(4) {
        3 => NameOrParameter::Parameter(g.name()),
        _ => NameOrParameter::Name(g.name()),
    }
}

fn password(g: &mut Generator<'_>) -> Expression {
    let kind = match g.flip() {
        true => ExpressionKind::Parameter(g.name()),
        false => ExpressionKind::Literal(Literal::String(STRINGS[g.below(STRINGS.len())].into())),
    };
    Expression::new(kind, Span::default())
}

fn settings(g: &mut Generator<'_>) -> UserSettings {
    UserSettings {
        password: g.maybe(password),
        must_change: g.maybe(Generator::flip),
        is_suspended: g.maybe(Generator::flip),
    }
}

fn existing(g: &mut Generator<'_>) -> OnExisting {
    [OnExisting::Fail, OnExisting::Keep, OnExisting::Replace][g.below(3)]
}

fn administered(g: &mut Generator<'_>) -> Administered {
    match g.flip() {
        true => Administered::Role,
        false => Administered::User,
    }
}

fn assignment(g: &mut Generator<'_>) -> RoleAssignment {
    RoleAssignment {
        roles: g.many(1, name),
        users: g.many(1, name),
    }
}

fn grant(g: &mut Generator<'_>) -> PrivilegeGrant {
    let privilege = Privilege::ALL[g.below(7)];
    PrivilegeGrant {
        privilege,
        graphs: match privilege {
            Privilege::Audit => Vec::new(),
            _ => g.many(0, name),
        },
        roles: g.many(1, name),
    }
}
