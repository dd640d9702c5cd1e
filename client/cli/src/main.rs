//! The `retrograph` command.

fn main() {}
