//! Statements about users, roles and what roles allow.

use super::{Expression, Identifier, Span};

/// A name, or the parameter that gives it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NameOrParameter {
    /// As written.
    Name(Identifier),
    /// `$parameter`.
    Parameter(Identifier),
}

/// A statement about users, roles or what roles allow.
#[derive(Clone, PartialEq, Debug)]
pub struct Administration {
    /// What is asked for.
    pub command: AdministrationCommand,
    /// The command.
    pub span: Span,
}

/// What an administration statement asks for.
#[derive(Clone, PartialEq, Debug)]
pub enum AdministrationCommand {
    /// `CREATE [OR REPLACE] USER …`.
    CreateUser(CreateUser),
    /// `ALTER USER …`.
    AlterUser(AlterUser),
    /// `ALTER CURRENT USER SET PASSWORD FROM old TO new`: string literals or parameters.
    ChangePassword {
        /// The password so far.
        old: Expression,
        /// The password from now on.
        new: Expression,
    },
    /// `CREATE [OR REPLACE] ROLE …`.
    CreateRole(CreateRole),
    /// `RENAME USER | ROLE name [IF EXISTS] TO other`.
    Rename {
        /// What has the name.
        what: Administered,
        /// The name so far.
        name: NameOrParameter,
        /// The name from now on.
        to: NameOrParameter,
        /// Do nothing if there is none.
        if_exists: bool,
    },
    /// `DROP USER | ROLE name [IF EXISTS]`.
    Drop {
        /// What is removed.
        what: Administered,
        /// Its name.
        name: NameOrParameter,
        /// Do nothing if there is none.
        if_exists: bool,
    },
    /// `GRANT ROLES … TO …`.
    AssignRoles(RoleAssignment),
    /// `REVOKE ROLES … FROM …`.
    UnassignRoles(RoleAssignment),
    /// `GRANT privilege ON GRAPHS … TO …`.
    Grant(PrivilegeGrant),
    /// `REVOKE privilege ON GRAPHS … FROM …`.
    Revoke(PrivilegeGrant),
}

/// What statements of administration are about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Administered {
    /// Somebody who logs in.
    User,
    /// A bundle of what is allowed.
    Role,
}

impl Administered {
    /// The word of the language.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Role => "ROLE",
        }
    }
}

/// What CREATE does if the name is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnExisting {
    /// It fails.
    Fail,
    /// `IF NOT EXISTS`: it does nothing.
    Keep,
    /// `OR REPLACE`: what is there is dropped first.
    Replace,
}

/// What is said of a user.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct UserSettings {
    /// `SET PASSWORD password`: a string literal or a parameter.
    pub password: Option<Expression>,
    /// `SET PASSWORD CHANGE [NOT] REQUIRED`.
    pub must_change: Option<bool>,
    /// `SET STATUS SUSPENDED | ACTIVE`.
    pub is_suspended: Option<bool>,
}

/// `CREATE [OR REPLACE] USER name [IF NOT EXISTS] SET …`.
#[derive(Clone, PartialEq, Debug)]
pub struct CreateUser {
    /// Their name.
    pub name: NameOrParameter,
    /// What happens if there is one.
    pub existing: OnExisting,
    /// With a password.
    pub settings: UserSettings,
}

/// `ALTER USER name [IF EXISTS] SET …`.
#[derive(Clone, PartialEq, Debug)]
pub struct AlterUser {
    /// Their name.
    pub name: NameOrParameter,
    /// Do nothing if there is none.
    pub if_exists: bool,
    /// At least one.
    pub settings: UserSettings,
}

/// `CREATE [OR REPLACE] ROLE name [IF NOT EXISTS] [AS COPY OF other]`.
#[derive(Clone, PartialEq, Debug)]
pub struct CreateRole {
    /// Its name.
    pub name: NameOrParameter,
    /// What happens if there is one.
    pub existing: OnExisting,
    /// The role whose grants it gets.
    pub copy_of: Option<NameOrParameter>,
}

/// Roles, and users who get or lose all of them.
#[derive(Clone, PartialEq, Debug)]
pub struct RoleAssignment {
    /// At least one.
    pub roles: Vec<NameOrParameter>,
    /// At least one.
    pub users: Vec<NameOrParameter>,
}

/// What may be granted on a graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Privilege {
    /// `MATCH {*}`, `READ`: the present.
    Read,
    /// `READ PAST`: earlier states.
    ReadPast,
    /// `WRITE`.
    Write,
    /// `ALL GRAPH PRIVILEGES`: what `MATCH {*}` and `WRITE` allow.
    ReadAndWrite,
    /// `SCHEMA`, `ALL DATABASE PRIVILEGES`: indexes and constraints.
    Schema,
    /// `ADMIN`: the graph itself.
    Admin,
    /// `AUDIT`: who tried to log in, and who changed users and roles.
    Audit,
}

impl Privilege {
    /// Every privilege.
    pub const ALL: [Self; 7] = [
        Self::Read,
        Self::ReadPast,
        Self::Write,
        Self::ReadAndWrite,
        Self::Schema,
        Self::Admin,
        Self::Audit,
    ];

    /// Its words in statements.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Read => "MATCH {*}",
            Self::ReadPast => "READ PAST",
            Self::Write => "WRITE",
            Self::ReadAndWrite => "ALL GRAPH PRIVILEGES",
            Self::Schema => "SCHEMA",
            Self::Admin => "ADMIN",
            Self::Audit => "AUDIT",
        }
    }
}

/// A privilege on graphs, and roles that get or lose it.
#[derive(Clone, PartialEq, Debug)]
pub struct PrivilegeGrant {
    /// What is allowed.
    pub privilege: Privilege,
    /// Where: all graphs if none is named.
    pub graphs: Vec<NameOrParameter>,
    /// At least one.
    pub roles: Vec<NameOrParameter>,
}

/// Whose privileges SHOW lists.
#[derive(Clone, PartialEq, Debug)]
pub enum PrivilegesOf {
    /// Those of all roles.
    Everybody,
    /// Those of roles; at least one.
    Roles(Vec<NameOrParameter>),
    /// Those of users by their roles; without any, one's own.
    Users(Vec<NameOrParameter>),
}

/// How SHOW lists privileges.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PrivilegesAs {
    /// In columns.
    Columns,
    /// `AS COMMANDS`: as the statements that grant them.
    Grants,
    /// `AS REVOKE COMMANDS`: as the statements that take them away.
    Revocations,
}
