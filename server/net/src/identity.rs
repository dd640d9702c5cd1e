//! Whom a connection acts for, and what they may do.

use std::net::IpAddr;
use std::sync::Arc;

use retrograph_admission::Requester;
use retrograph_bolt::Failure;
use retrograph_bolt::failure::code;
use retrograph_engine::plan::Access as Needs;
use retrograph_engine::{Admission, Demand, Refusal, Rights, Shape};
use retrograph_graph::clock::{Clock, MachineClock};
use retrograph_identity::{
    Action, Authenticator, CHANGE_PASSWORD, Context, Credentials, DEFAULT_TENANT, Decision,
    Directory, DirectoryError, EVERY_GRAPH, LoginError, Principal, Proof, Resource, TokenError,
    decide,
};

/// Who may connect.
#[derive(Clone)]
pub enum Access {
    /// Whoever can reach the server, as this user: for the owner of the machine, on a loopback address.
    Open {
        /// Who commits, as is recorded.
        actor: Arc<str>,
    },
    /// The users of the database.
    Users(Arc<Authenticator>),
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open { actor } => f.debug_struct("Open").field("actor", actor).finish(),
            Self::Users(_) => f.write_str("Users"),
        }
    }
}

/// Whom a connection acts for.
#[derive(Clone)]
pub(crate) enum Identity {
    /// Nobody was asked.
    Owner(Arc<str>),
    /// A user who was recognised.
    User {
        /// Who they are.
        principal: Principal,
        /// Where to look up what they may do.
        directory: Arc<Directory>,
    },
}

impl Identity {
    /// Whom credentials belong to. May take a while: not for a thread that others wait for.
    pub(crate) fn of(
        access: &Access,
        credentials: impl FnOnce() -> Result<Credentials, Failure>,
        address: IpAddr,
    ) -> Result<Self, Failure> {
        let authenticator = match access {
            Access::Open { actor } => return Ok(Self::Owner(Arc::clone(actor))),
            Access::Users(authenticator) => authenticator,
        };
        let principal = authenticator
            .authenticate(&credentials()?, Some(address), MachineClock.now())
            .map_err(|error| of_login(&error))?;
        Ok(Self::User {
            principal,
            directory: Arc::clone(authenticator.directory()),
        })
    }

    /// Who commits, as is recorded.
    pub(crate) fn actor(&self) -> Arc<str> {
        match self {
            Self::Owner(actor) => Arc::clone(actor),
            Self::User { principal, .. } => Arc::clone(&principal.id),
        }
    }

    /// The name by which others see it.
    pub(crate) fn name(&self) -> Arc<str> {
        match self {
            Self::Owner(actor) => Arc::clone(actor),
            Self::User { principal, .. } => Arc::clone(&principal.name),
        }
    }

    /// Acts as another user, with the rights of that one.
    pub(crate) fn impersonate(&self, name: &str) -> Result<Self, Failure> {
        let forbidden = |reason: String| Failure::new(code::FORBIDDEN, reason);
        let (principal, directory) = match self {
            Self::Owner(_) => {
                let reason = "nobody can be impersonated: this server asks nobody who they are";
                return Err(forbidden(reason.to_owned()));
            }
            Self::User {
                principal,
                directory,
            } => (principal, directory),
        };
        let gate = Gate::new(principal, directory, EVERY_GRAPH.into());
        let decision = gate
            .decide(&[Action::Admin])
            .map_err(|refusal| of_refusal(&refusal))?;
        if !decision.is_allowed() {
            return Err(forbidden(format!("impersonating `{name}`: {decision}")));
        }
        let found = directory
            .principal(name)
            .map_err(|error| undecided(&error))?;
        match found {
            Some(other) => Ok(Self::User {
                principal: Principal {
                    expires: principal.expires,
                    proof: Proof::Impersonated(Arc::new(principal.clone())),
                    must_change_password: false,
                    ..other
                },
                directory: Arc::clone(directory),
            }),
            None => Err(forbidden(format!(
                "there is no user `{name}` who may log in, so nobody can act for them"
            ))),
        }
    }

    /// Whether anything may be done with a graph, so that its name may be told.
    pub(crate) fn may_use(&self, graph: &Arc<str>) -> Result<(), Failure> {
        let Self::User {
            principal,
            directory,
        } = self
        else {
            return Ok(());
        };
        let gate = Gate::new(principal, directory, Arc::clone(graph));
        let mut last = Decision::Allow;
        for action in Action::ALL {
            last = gate
                .decide(&[action])
                .map_err(|refusal| of_refusal(&refusal))?;
            // A password to be changed is told of with the statement: it may be the one that changes it.
            if matches!(last, Decision::Allow | Decision::MustChangePassword) {
                return Ok(());
            }
        }
        refusal_of(last).map_err(|refusal| of_refusal(&refusal))
    }

    /// Those of some graphs whose names may be told.
    pub(crate) fn usable(&self, mut graphs: Vec<Arc<str>>) -> Vec<Arc<str>> {
        graphs.retain(|graph| self.may_use(graph).is_ok());
        graphs
    }

    /// For whom its statements run, and what they may take.
    pub(crate) fn requester(&self) -> Result<Requester, Refusal> {
        match self {
            Self::Owner(actor) => Ok(Requester {
                tenant: DEFAULT_TENANT.into(),
                user: Arc::clone(actor),
                tenant_limits: Arc::default(),
                user_limits: Arc::default(),
            }),
            Self::User {
                principal,
                directory,
            } => {
                let undecided = |error: DirectoryError| Refusal::Undecided(error.to_string());
                let (tenant, tenant_limits, user_limits) =
                    directory.limits(principal).map_err(undecided)?;
                Ok(Requester {
                    tenant,
                    user: Arc::clone(&principal.id),
                    tenant_limits,
                    user_limits,
                })
            }
        }
    }

    /// What decides over its statements on a graph.
    pub(crate) fn admission(&self, graph: &Arc<str>) -> Option<Arc<dyn Admission>> {
        match self {
            Self::Owner(_) => None,
            Self::User {
                principal,
                directory,
            } => Some(Arc::new(Gate::new(principal, directory, Arc::clone(graph)))),
        }
    }
}

fn of_login(error: &LoginError) -> Failure {
    let code = match error {
        LoginError::Refused => code::UNAUTHORIZED,
        LoginError::TooOften { .. } => code::AUTHENTICATION_RATE_LIMIT,
        // By which clients know to get another one.
        LoginError::Token(TokenError::Expired) => code::TOKEN_EXPIRED,
        LoginError::Token(TokenError::KeysUnavailable) => code::DATABASE_UNAVAILABLE,
        LoginError::Token(_) => code::UNAUTHORIZED,
        _ => code::DATABASE_UNAVAILABLE,
    };
    Failure::new(code, error.to_string())
}

/// What a client is told that was refused.
pub(crate) fn of_refusal(refusal: &Refusal) -> Failure {
    let code = match refusal {
        Refusal::Forbidden(_) => code::FORBIDDEN,
        Refusal::Expired(_) => code::TOKEN_EXPIRED,
        Refusal::ChangeCredentials(_) => code::CREDENTIALS_EXPIRED,
        Refusal::TooOften(_) => code::AUTHENTICATION_RATE_LIMIT,
        _ => code::DATABASE_UNAVAILABLE,
    };
    Failure::new(code, refusal.to_string())
}

fn undecided(error: &DirectoryError) -> Failure {
    Failure::new(code::DATABASE_UNAVAILABLE, error.to_string())
}

fn refusal_of(decision: Decision) -> Result<(), Refusal> {
    match decision {
        Decision::Allow => Ok(()),
        Decision::Expired => Err(Refusal::Expired(decision.to_string())),
        Decision::MustChangePassword => Err(Refusal::ChangeCredentials(decision.to_string())),
        Decision::Deny { .. } => Err(Refusal::Forbidden(decision.to_string())),
    }
}

/// Decides for one user on one graph, each time by what they may do then.
#[derive(Clone)]
struct Gate {
    principal: Principal,
    directory: Arc<Directory>,
    graph: Arc<str>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("user", &self.principal.name)
            .field("graph", &self.graph)
            .finish_non_exhaustive()
    }
}

impl Gate {
    fn new(principal: &Principal, directory: &Arc<Directory>, graph: Arc<str>) -> Self {
        Self {
            principal: principal.clone(),
            directory: Arc::clone(directory),
            graph,
        }
    }

    /// The first decision against one of some actions.
    fn decide(&self, actions: &[Action]) -> Result<Decision, Refusal> {
        let undecided = |error: DirectoryError| Refusal::Undecided(error.to_string());
        let context = Context {
            now: MachineClock.now(),
        };
        let found = self.directory.refresh(&self.principal, context.now);
        let Some(principal) = found.map_err(undecided)? else {
            let name = &self.principal.name;
            return Err(Refusal::Forbidden(match &self.principal.proof {
                Proof::Impersonated(by) => {
                    format!("`{}` may not act for `{name}` any more", by.name)
                }
                _ => format!("the user `{name}` may not log in any more"),
            }));
        };
        let tenant = match &*self.graph {
            // What is about no single graph is about the own tenant.
            EVERY_GRAPH => Arc::clone(&principal.tenant),
            graph => self.directory.tenant_of(graph).map_err(undecided)?,
        };
        let resource = Resource {
            graph: &self.graph,
            tenant: &tenant,
        };
        let decisions = actions
            .iter()
            .map(|action| decide(&principal, *action, &resource, &context));
        let against = decisions
            .into_iter()
            .find(|decision| !decision.is_allowed());
        Ok(against.unwrap_or(Decision::Allow))
    }
}

impl Admission for Gate {
    fn admit_text(&self, text: &str) -> Result<(), Refusal> {
        let decision = self.decide(&[Action::Read])?;
        let shape = match &decision {
            Decision::Allow => return Ok(()),
            Decision::MustChangePassword | Decision::Deny { .. } => Shape::of(text),
            _ => return refusal_of(decision),
        };
        match (&decision, shape) {
            (_, Shape::Unreadable) => Ok(()),
            (Decision::MustChangePassword, Shape::Call(name)) if name == CHANGE_PASSWORD => Ok(()),
            (Decision::Deny { .. }, Shape::Schema) => refusal_of(self.decide(&[Action::Schema])?),
            _ => refusal_of(decision),
        }
    }

    fn admit(&self, demand: &Demand<'_>) -> Result<(), Refusal> {
        let mut actions = match demand.access {
            Needs::Read => vec![Action::Read],
            // What is written may hold what was read.
            Needs::Write => vec![Action::Read, Action::Write],
            Needs::Schema => vec![Action::Schema],
        };
        if demand.reads_past {
            actions.push(Action::ReadPast);
        }
        // Files of the server are for those who load data.
        if demand.reads_files {
            actions.push(Action::Write);
        }
        let decision = self.decide(&actions)?;
        let changes_password = demand.access == Needs::Read
            && !demand.reads_past
            && !demand.reads_files
            && demand.only_call == Some(CHANGE_PASSWORD);
        if decision == Decision::MustChangePassword && changes_password {
            return Ok(());
        }
        refusal_of(decision)
    }

    fn may_see(&self, database: &str) -> bool {
        let graph = Self {
            graph: database.into(),
            ..self.clone()
        };
        let may = |action| matches!(graph.decide(&[action]), Ok(Decision::Allow));
        Action::ALL.into_iter().any(may)
    }

    fn rights(&self) -> Rights {
        let everywhere = Self {
            graph: EVERY_GRAPH.into(),
            ..self.clone()
        };
        let may = |action| matches!(everywhere.decide(&[action]), Ok(Decision::Allow));
        let administers = may(Action::Admin);
        Rights {
            administers,
            audits: administers || may(Action::Audit),
        }
    }
}
