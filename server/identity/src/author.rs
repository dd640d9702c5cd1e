//! Who changes users, roles and keys, as is recorded.

use std::sync::Arc;

use retrograph_engine::surroundings::Caller;
use retrograph_graph::CommitInfo;

/// Who makes a change. People have other names later; ids stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The opaque id of the principal, or what stands for the program itself.
    pub id: Arc<str>,
    /// The id of the principal for whom, if for another one.
    pub on_behalf_of: Option<Arc<str>>,
}

impl Author {
    /// What is recorded with a change.
    pub(crate) fn commit(self, activity: &str) -> CommitInfo {
        CommitInfo {
            actor: self.id,
            on_behalf_of: self.on_behalf_of,
            activity: Some(activity.into()),
            ..CommitInfo::default()
        }
    }
}

impl From<&str> for Author {
    fn from(id: &str) -> Self {
        Self {
            id: id.into(),
            on_behalf_of: None,
        }
    }
}

impl From<&Caller> for Author {
    fn from(caller: &Caller) -> Self {
        Self {
            id: Arc::clone(&caller.actor),
            on_behalf_of: caller.on_behalf_of.clone(),
        }
    }
}
