//! What a client may make the server hold.

use std::time::Duration;

/// Limits on one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageLimits {
    /// The bytes of a message, without the headers of its chunks.
    pub bytes_max: usize,
    /// How deep lists, maps and structures may be nested.
    pub depth_max: usize,
    /// The memory that the decoded values of a message may take, roughly.
    pub memory_bytes_max: usize,
}

/// Limits on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For messages before authentication.
    pub unauthenticated: MessageLimits,
    /// For messages after it.
    pub authenticated: MessageLimits,
    /// How long a connection may take to authenticate.
    pub authentication_time: Duration,
    /// How many messages may wait while one is being executed. The connection is not read further
    /// while there are more.
    pub queued_messages_max: usize,
    /// How many bytes those messages may have; one message may exceed it.
    pub queued_bytes_max: usize,
    /// How many results of one transaction may be open.
    pub open_results_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unauthenticated: MessageLimits {
                bytes_max: 64 << 10,
                depth_max: 8,
                memory_bytes_max: 1 << 20,
            },
            authenticated: MessageLimits {
                bytes_max: 64 << 20,
                depth_max: 100,
                memory_bytes_max: 256 << 20,
            },
            authentication_time: Duration::from_secs(30),
            queued_messages_max: 1_000,
            queued_bytes_max: 1 << 20,
            open_results_max: 1_000,
        }
    }
}
