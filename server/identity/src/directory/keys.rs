//! API keys: listed, made, removed.

use std::sync::Arc;

use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;

use super::{Directory, DirectoryError, Result, known_user};
use crate::{Author, NewApiKey, snapshot};

/// An API key as listed. Its secret is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyInfo {
    /// By which it is removed.
    pub id: Arc<str>,
    /// Whose it is.
    pub user: Arc<str>,
    /// What it is for, as was said.
    pub label: Arc<str>,
    /// When it ends.
    pub expires: Option<SystemTime>,
}

impl Directory {
    /// All API keys, by user and label.
    ///
    /// # Errors
    /// If the system graph cannot be read.
    pub fn api_keys(&self) -> Result<Vec<ApiKeyInfo>> {
        let snapshot = self.snapshot()?;
        let info = |(id, key): (&Arc<str>, &snapshot::ApiKey)| ApiKeyInfo {
            id: Arc::clone(id),
            user: Arc::clone(&key.user),
            label: Arc::clone(&key.label),
            expires: key.expires,
        };
        let mut keys: Vec<ApiKeyInfo> = snapshot.keys.iter().map(info).collect();
        keys.sort_by(|one, other| {
            (&one.user, &one.label, &one.id).cmp(&(&other.user, &other.label, &other.id))
        });
        Ok(keys)
    }

    /// Makes an API key for a user. Its text is told here and never again.
    ///
    /// # Errors
    /// There is no such user.
    pub fn create_api_key(
        &self,
        actor: impl Into<Author>,
        user: &str,
        label: &str,
        expires: Option<SystemTime>,
    ) -> Result<NewApiKey> {
        let _changing = self.changing.lock();
        known_user(&*self.snapshot()?, user)?;
        let key = NewApiKey::generate();
        let text = "MATCH (u:User {name: $user}) \
                    CREATE (:ApiKey {id: $id, hash: $hash, label: $label, expires: $expires})-[:OF]->(u)";
        let parameters = [
            ("user", user.into()),
            ("id", key.id.as_str().into()),
            ("hash", key.hash.as_str().into()),
            ("label", label.into()),
            (
                "expires",
                expires.map_or(Value::Null, |end| Value::Int(end.0)),
            ),
        ];
        let activity = format!("create API key `{}` of user `{user}`", key.id);
        self.change(actor, &activity, text, parameters)?;
        Ok(key)
    }

    /// Removes an API key.
    ///
    /// # Errors
    /// There is none of the id.
    pub fn drop_api_key(&self, actor: impl Into<Author>, id: &str) -> Result<()> {
        let _changing = self.changing.lock();
        if !self.snapshot()?.keys.contains_key(id) {
            return Err(DirectoryError::Missing {
                what: "API key",
                name: id.to_owned(),
            });
        }
        let text = "MATCH (k:ApiKey {id: $id}) DETACH DELETE k";
        self.change(
            actor,
            &format!("drop API key `{id}`"),
            text,
            [("id", id.into())],
        )
    }
}
