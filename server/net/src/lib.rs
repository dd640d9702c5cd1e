//! What a server listens on. So far [`bolt`].

pub mod bolt;
pub mod tls;
