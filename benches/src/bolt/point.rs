//! Point queries: by themselves one after the other, from many connections as fast as they go, and from
//! many connections at a fixed rate.
//!
//! At a fixed rate the load is open: when a query is due does not depend on how the server does, and its
//! latency counts from then, not from when it could be sent (G. Tene, "How NOT to Measure Latency").

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use retrograph_bolt::client::{Client, anonymous};
use retrograph_bolt::message::request::Run;
use retrograph_bolt::value::map;
use retrograph_bolt::{Value, Version};

/// The query: one row, found by a unique property.
pub const QUERY: &str = "MATCH (p:Person {id: $id}) RETURN p.name AS name";

/// The times of queries that were all answered.
pub struct Answered {
    /// How many queries a second.
    pub rate: f64,
    /// Nanoseconds of each.
    pub times_ns: Histogram<u64>,
}

fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 3_600_000_000_000, 3)?)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Connects as nobody.
///
/// # Errors
/// If there is no server that lets nobody in.
pub fn connect(address: SocketAddr) -> anyhow::Result<Client<TcpStream>> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    let agent = concat!("retrograph-bench/", env!("CARGO_PKG_VERSION"));
    Ok(Client::open(
        socket,
        Version::new(5, 8),
        agent,
        anonymous(),
    )?)
}

/// One query and its answer, which is to be one row.
fn one(client: &mut Client<TcpStream>, id: i64) -> anyhow::Result<()> {
    client.ask(Run {
        query: QUERY.to_owned(),
        parameters: map([("id", Value::Int(id))]),
        ..Run::default()
    })?;
    let rows = client.count_rows()?;
    anyhow::ensure!(rows == 1, "person {id} was found {rows} times");
    Ok(())
}

/// What many connections did together.
fn together(
    address: SocketAddr,
    connections: usize,
    each: impl Fn(usize, &mut Client<TcpStream>, Instant, &mut Histogram<u64>) -> anyhow::Result<()>
    + Sync,
) -> anyhow::Result<Answered> {
    let barrier = Barrier::new(connections + 1);
    let mut times_ns = histogram()?;
    let (elapsed, parts) = thread::scope(|scope| {
        let threads: Vec<_> = (0..connections)
            .map(|number| {
                let (barrier, each) = (&barrier, &each);
                scope.spawn(move || -> anyhow::Result<Histogram<u64>> {
                    let client = connect(address);
                    barrier.wait();
                    let mut times_ns = histogram()?;
                    each(number, &mut client?, Instant::now(), &mut times_ns)?;
                    Ok(times_ns)
                })
            })
            .collect();
        barrier.wait();
        let begun = Instant::now();
        let parts: Vec<_> = threads
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        (begun.elapsed(), parts)
    });
    for part in parts {
        let part = part.map_err(|_| anyhow::anyhow!("a connection's thread panicked"))?;
        times_ns.add(part?)?;
    }
    #[allow(clippy::cast_precision_loss)]
    let rate = times_ns.len() as f64 / elapsed.as_secs_f64();
    Ok(Answered { rate, times_ns })
}

/// As many queries as go in a time, each connection waiting for an answer before it asks again.
///
/// # Errors
/// If a query fails, or is not answered by one row.
pub fn closed(
    address: SocketAddr,
    connections: usize,
    people: i64,
    time: Duration,
) -> anyhow::Result<Answered> {
    together(address, connections, |number, client, begun, times_ns| {
        let mut dice = ChaCha8Rng::seed_from_u64(number as u64);
        while begun.elapsed() < time {
            let before = Instant::now();
            one(client, dice.random_range(0..people))?;
            times_ns.saturating_record(nanoseconds(before.elapsed()));
        }
        Ok(())
    })
}

/// Queries at `rate` a second over all connections, spread evenly over them and over time.
///
/// # Errors
/// If a query fails, or is not answered by one row.
pub fn open(
    address: SocketAddr,
    connections: usize,
    people: i64,
    rate: f64,
    time: Duration,
) -> anyhow::Result<Answered> {
    #[allow(clippy::cast_precision_loss)]
    let (between, apart) = {
        let between = connections as f64 / rate;
        (between, between / connections as f64)
    };
    together(address, connections, |number, client, begun, times_ns| {
        let mut dice = ChaCha8Rng::seed_from_u64(number as u64);
        #[allow(clippy::cast_precision_loss)]
        let offset = apart * number as f64;
        for turn in 0_u32.. {
            let due = begun + Duration::from_secs_f64(offset + between * f64::from(turn));
            if due - begun > time {
                break;
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            one(client, dice.random_range(0..people))?;
            times_ns.saturating_record(nanoseconds(due.elapsed()));
        }
        Ok(())
    })
}

/// What the machine allows: bytes to and fro over a socket, nothing done with them.
///
/// # Errors
/// If there are no sockets.
pub fn echoed(time: Duration) -> anyhow::Result<Answered> {
    let listener = TcpListener::bind("127.0.0.1:0").context("an echo")?;
    let address = listener.local_addr()?;
    let echo = thread::spawn(move || -> std::io::Result<()> {
        let (mut socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        let mut buffer = [0; 4096];
        loop {
            match socket.read(&mut buffer)? {
                0 => return Ok(()),
                read => socket.write_all(&buffer[..read])?,
            }
        }
    });
    let mut times_ns = histogram()?;
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    // About as long as a query and its answer.
    let mut bytes = [7; 128];
    let begun = Instant::now();
    while begun.elapsed() < time {
        let before = Instant::now();
        socket.write_all(&bytes)?;
        socket.read_exact(&mut bytes)?;
        times_ns.saturating_record(nanoseconds(before.elapsed()));
    }
    let elapsed = begun.elapsed();
    drop(socket);
    echo.join()
        .map_err(|_| anyhow::anyhow!("the echo panicked"))??;
    #[allow(clippy::cast_precision_loss)]
    let rate = times_ns.len() as f64 / elapsed.as_secs_f64();
    Ok(Answered { rate, times_ns })
}
