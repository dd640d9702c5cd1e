//! A short soak of the real server; `make soak` runs a long one.

use std::time::Duration;

use retrograph_jepsen::soak::Soak;

#[test]
fn clients_lose_nothing_when_the_server_is_killed() {
    let soak = Soak {
        program: env!("CARGO_BIN_EXE_retrograph").into(),
        time: Duration::from_secs(20),
        clients: 8,
        kill_period: Duration::from_secs(2),
        seed: 1,
    };
    if let Err(error) = soak.run() {
        panic!("{error:#}");
    }
}
