//! The keys of one issuer: fetched, kept, fetched anew.
//!
//! Keys are fetched when they are first wanted, again when they are an hour old, and when a token names one that
//! is not there, as after a rotation; but never more often than every thirty seconds, so that made-up names
//! of keys cost the issuer nothing. One caller fetches and few wait for it; whoever's key is known waits for nobody.
//! If fetching fails, the keys so far count for a day.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use retrograph_graph::ids::SystemTime;

use super::fetch::Source;
use super::jwk::{self, Key};
use super::jws::Parts;
use super::{Algorithm, TokenError};
use crate::turns::Turns;

const MICROSECONDS: i64 = 1_000_000;
/// Keys this old are fetched anew.
const REFRESH: i64 = 3_600 * MICROSECONDS;
/// Keys this old do not count any more.
const AGE_MAX: i64 = 24 * 3_600 * MICROSECONDS;
/// How long there is at least between two attempts.
const PAUSE: i64 = 30 * MICROSECONDS;
/// How many of those that a token does not tell apart are tried.
const TRIED_MAX: usize = 10;

struct Loaded {
    keys: Vec<Key>,
    /// When they were fetched; `None` if never.
    fetched: Option<SystemTime>,
}

/// See the module.
pub(super) struct KeyStore {
    source: Box<dyn Source>,
    loaded: ArcSwap<Loaded>,
    /// When fetching was last tried.
    tried: Mutex<Option<SystemTime>>,
    turns: Turns,
}

/// How long ago something was. A clock that was set back tells nothing: then it was long ago.
fn age(then: Option<SystemTime>, now: SystemTime) -> i64 {
    match then {
        Some(then) if then <= now => now.0.saturating_sub(then.0),
        _ => i64::MAX,
    }
}

impl KeyStore {
    pub(super) fn new(source: Box<dyn Source>) -> Self {
        Self {
            source,
            loaded: ArcSwap::from_pointee(Loaded {
                keys: Vec::new(),
                fetched: None,
            }),
            tried: Mutex::new(None),
            turns: Turns::new(1, 16),
        }
    }

    /// Whether one of the keys made the signature of a token.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        parts: &Parts<'_>,
        now: SystemTime,
    ) -> Result<(), TokenError> {
        let loaded = self.loaded.load_full();
        let is_fresh = age(loaded.fetched, now) < REFRESH;
        if is_fresh && let Some(verified) = loaded.verify(algorithm, parts) {
            return verified;
        }
        let is_usable = age(loaded.fetched, now) < AGE_MAX;
        let known = if is_usable {
            loaded.verify(algorithm, parts)
        } else {
            None
        };
        let loaded = match (self.fetch_again(now), known) {
            (Some(fetched), _) => fetched,
            (None, Some(known)) => return known,
            (None, None) if is_usable => return Err(TokenError::UnknownKey),
            (None, None) => return Err(TokenError::KeysUnavailable),
        };
        let found = loaded.verify(algorithm, parts);
        found.unwrap_or(Err(TokenError::UnknownKey))
    }

    /// The keys as they are now, if they could be had anew or somebody else has just fetched them.
    fn fetch_again(&self, now: SystemTime) -> Option<Arc<Loaded>> {
        if age(*self.tried.lock(), now) < PAUSE {
            return self.just_fetched(now);
        }
        let _turn = self.turns.take()?;
        {
            let mut tried = self.tried.lock();
            if age(*tried, now) < PAUSE {
                drop(tried);
                return self.just_fetched(now);
            }
            *tried = Some(now);
        }
        let keys = self.source.fetch().ok()?;
        let loaded = Arc::new(Loaded {
            keys: jwk::read_set(&keys)?,
            fetched: Some(now),
        });
        self.loaded.store(Arc::clone(&loaded));
        Some(loaded)
    }

    fn just_fetched(&self, now: SystemTime) -> Option<Arc<Loaded>> {
        let loaded = self.loaded.load_full();
        (age(loaded.fetched, now) < PAUSE).then_some(loaded)
    }
}

impl Loaded {
    /// Whether a signature is right; nothing if there is no key that it could be of.
    fn verify(&self, algorithm: Algorithm, parts: &Parts<'_>) -> Option<Result<(), TokenError>> {
        let suits = |key: &&Key| {
            let is_named = parts.key.is_none() || parts.key == key.id;
            is_named && key.is_for(algorithm)
        };
        let mut suitable = self.keys.iter().filter(suits).take(TRIED_MAX).peekable();
        suitable.peek()?;
        let is_right = |key: &Key| key.verifies(algorithm, parts.signed, &parts.signature);
        Some(match suitable.any(is_right) {
            true => Ok(()),
            false => Err(TokenError::Signature),
        })
    }
}
