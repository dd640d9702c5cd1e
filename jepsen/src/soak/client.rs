//! A client of the soak, and what it knows.

use std::fmt;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use retrograph_bolt::client::{Client, ClientError, anonymous};
use retrograph_bolt::message::request::{Extra, Request, Run};
use retrograph_bolt::value::{Map, map};
use retrograph_bolt::{Value, Version};

use super::server::GRAPH;
use super::{ACCOUNTS, BALANCE, Shared};
use crate::violation::{Violation, hold};

/// How long to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the server may be away.
const ABSENCE_MAX: Duration = Duration::from_secs(120);

/// How many acknowledgements are remembered, to be read again at their versions.
const REMEMBERED_MAX: usize = 10_000;

/// How many requests came to what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    reads: u64,
    past_reads: u64,
    sums: u64,
    writes: u64,
    transfers: u64,
    conflicts: u64,
    lost: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.reads += other.reads;
        self.past_reads += other.past_reads;
        self.sums += other.sums;
        self.writes += other.writes;
        self.transfers += other.transfers;
        self.conflicts += other.conflicts;
        self.lost += other.lost;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} reads, {} of the past, {} sums, {} writes, {} transfers, {} conflicts, {} connections lost",
            self.reads,
            self.past_reads,
            self.sums,
            self.writes,
            self.transfers,
            self.conflicts,
            self.lost
        )
    }
}

/// What an account says, as far as its client knows.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// What was acknowledged last.
    acknowledged: i64,
    /// What was asked for since, and may have been done.
    asked: Option<i64>,
}

/// What was acknowledged at a version.
#[derive(Clone, Copy, Debug)]
struct Remembered {
    version: i64,
    account: usize,
    seq: i64,
}

/// See the module.
pub(crate) struct SoakClient {
    shared: Arc<Shared>,
    number: usize,
    dice: ChaCha8Rng,
    connection: Option<Client<TcpStream>>,
    /// How often the server had been killed when the connection was opened.
    kills: u64,
    accounts: Vec<Account>,
    remembered: Vec<Remembered>,
    /// A version at which all accounts were there.
    first: i64,
    counts: Counts,
}

fn query(text: &str, parameters: Map) -> Run {
    Run {
        query: text.to_owned(),
        parameters,
        ..Run::default()
    }
}

fn of_graph(mut run: Run) -> Run {
    run.extra = extra();
    run
}

fn extra() -> Extra {
    Extra {
        database: Some(GRAPH.to_owned()),
        ..Extra::default()
    }
}

fn connect(shared: &Shared) -> Result<Client<TcpStream>, ClientError> {
    let socket = TcpStream::connect(shared.server.address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Client::open(socket, Version::new(5, 8), "retrograph-soak/1", anonymous())
}

/// The integers of the one row there is.
fn integers(rows: &[Vec<Value>]) -> Result<Vec<i64>> {
    let [row] = rows else {
        return Err(Violation(format!("{} rows came instead of one", rows.len())).into());
    };
    let integer = |value: &Value| match value {
        Value::Int(value) => Ok(*value),
        other => Err(Violation(format!("{other:?} came instead of an integer")).into()),
    };
    row.iter().map(integer).collect()
}

fn version_of(said: &Map) -> Result<i64> {
    match said.get("version") {
        Some(Value::Int(version)) => Ok(*version),
        _ => bail!("a commit was acknowledged without its version"),
    }
}

/// Makes the accounts; returns the version of their commit.
pub(crate) fn fill(shared: &Shared) -> Result<i64> {
    let mut connection = connect(shared)?;
    let constraint = "CREATE CONSTRAINT FOR (a:Account) REQUIRE a.id IS UNIQUE";
    connection.ask(of_graph(query(constraint, Map::new())))?;
    connection.answer()?;
    let accounts = i64::try_from(shared.clients)? * ACCOUNTS;
    let text = "UNWIND range(0, $last) AS id CREATE (:Account {id: id, seq: 0, balance: $balance})";
    let parameters = map([
        ("last", Value::Int(accounts - 1)),
        ("balance", Value::Int(BALANCE)),
    ]);
    connection.ask(of_graph(query(text, parameters)))?;
    version_of(&connection.answer()?.1)
}

impl SoakClient {
    pub(crate) fn new(shared: Arc<Shared>, number: usize, seed: u64, first: i64) -> Self {
        Self {
            shared,
            number,
            dice: ChaCha8Rng::seed_from_u64(seed),
            connection: None,
            kills: 0,
            accounts: (0..ACCOUNTS).map(|_| Account::default()).collect(),
            remembered: Vec::new(),
            first,
            counts: Counts::default(),
        }
    }

    /// Works until the soak is over, then reads everything once more.
    pub(crate) fn run(mut self) -> Result<Counts> {
        while !self.shared.is_over.load(Ordering::SeqCst) {
            self.step()?;
        }
        for account in 0..self.accounts.len() {
            self.until_answered(|client| client.read(account))?;
        }
        for at in 0..self.remembered.len().min(200) {
            self.until_answered(|client| client.read_past(at))?;
        }
        self.until_answered(|client| client.sum(None))?;
        Ok(self.counts)
    }

    fn step(&mut self) -> Result<()> {
        let account = self.dice.random_range(0..self.accounts.len());
        let draw = self.dice.random_range(0..100);
        let done = match draw {
            0..40 => self.read(account),
            40..65 => self.write(account),
            65..80 => self.transfer(),
            80..99 if !self.remembered.is_empty() => {
                let at = self.dice.random_range(0..self.remembered.len());
                self.read_past(at)
            }
            _ => {
                let last = self.remembered.last().map_or(self.first, |it| it.version);
                let version = self.dice.random_range(self.first..=last);
                let is_past = self.dice.random_bool(0.5);
                self.sum(is_past.then_some(version))
            }
        };
        self.settle(done).map(|_| ())
    }

    fn until_answered(&mut self, mut ask: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        loop {
            let done = ask(self);
            if self.settle(done)? {
                return Ok(());
            }
        }
    }

    /// Whether it was done; an error only if that is no excuse.
    fn settle(&mut self, done: Result<()>) -> Result<bool> {
        let Err(error) = done else {
            return Ok(true);
        };
        match error.downcast_ref::<ClientError>() {
            Some(ClientError::Failed { code, .. }) if code.starts_with("Neo.TransientError.") => {
                self.counts.conflicts += 1;
                Ok(false)
            }
            Some(ClientError::Gone(_)) => {
                self.connection = None;
                hold!(
                    self.shared.kills.load(Ordering::SeqCst) > self.kills,
                    "client {} lost its connection though the server was not killed: {error:#}",
                    self.number
                );
                self.counts.lost += 1;
                Ok(false)
            }
            Some(other) => Err(Violation(format!("client {}: {other}", self.number)).into()),
            None => Err(error),
        }
    }

    fn connection(&mut self) -> Result<&mut Client<TcpStream>> {
        let begun = Instant::now();
        while self.connection.is_none() {
            self.kills = self.shared.kills.load(Ordering::SeqCst);
            match connect(&self.shared) {
                Ok(connection) => self.connection = Some(connection),
                Err(ClientError::Gone(_)) if begun.elapsed() < ABSENCE_MAX => {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(error) => return Err(anyhow::Error::new(error).context("cannot connect")),
            }
        }
        self.connection.as_mut().context("there is no connection")
    }

    fn ask(&mut self, run: Run) -> Result<(Vec<Vec<Value>>, Map)> {
        let connection = self.connection()?;
        connection.ask(run)?;
        Ok(connection.answer()?)
    }

    fn id(&self, account: usize) -> Value {
        Value::Int((self.number * self.accounts.len() + account) as i64)
    }

    fn read(&mut self, account: usize) -> Result<()> {
        let text = "MATCH (a:Account {id: $id}) RETURN a.seq AS seq";
        let parameters = map([("id", self.id(account))]);
        let (rows, _) = self.ask(of_graph(query(text, parameters)))?;
        let found = integers(&rows)?[0];
        let known = &mut self.accounts[account];
        hold!(
            found == known.acknowledged || Some(found) == known.asked,
            "client {} account {account}: {found} was read, {known:?} is known",
            self.number
        );
        // What may have been done either was or was not, and will not be any more.
        *known = Account {
            acknowledged: found,
            asked: None,
        };
        self.counts.reads += 1;
        Ok(())
    }

    fn write(&mut self, account: usize) -> Result<()> {
        if self.accounts[account].asked.is_some() {
            self.read(account)?;
        }
        let seq = self.accounts[account].acknowledged + 1;
        let text = "MATCH (a:Account {id: $id}) SET a.seq = $seq RETURN a.seq AS seq";
        let parameters = map([("id", self.id(account)), ("seq", Value::Int(seq))]);
        self.accounts[account].asked = Some(seq);
        let (rows, said) = self.ask(of_graph(query(text, parameters)))?;
        hold!(
            integers(&rows)? == [seq],
            "client {} account {account}: {seq} was written, {rows:?} came back",
            self.number
        );
        self.accounts[account] = Account {
            acknowledged: seq,
            asked: None,
        };
        let remembered = Remembered {
            version: version_of(&said)?,
            account,
            seq,
        };
        if self.remembered.len() < REMEMBERED_MAX {
            self.remembered.push(remembered);
        } else {
            let at = self.dice.random_range(0..REMEMBERED_MAX);
            self.remembered[at] = remembered;
        }
        self.counts.writes += 1;
        Ok(())
    }

    fn read_past(&mut self, at: usize) -> Result<()> {
        let Remembered {
            version,
            account,
            seq,
        } = self.remembered[at];
        let text =
            format!("AS OF VERSION {version} MATCH (a:Account {{id: $id}}) RETURN a.seq AS seq");
        let parameters = map([("id", self.id(account))]);
        let (rows, _) = self.ask(of_graph(query(&text, parameters)))?;
        hold!(
            integers(&rows)? == [seq],
            "client {} account {account}: {seq} was acknowledged at version {version}, which has {rows:?}",
            self.number
        );
        self.counts.past_reads += 1;
        Ok(())
    }

    fn transfer(&mut self) -> Result<()> {
        let all = self.shared.clients as i64 * ACCOUNTS;
        let (from, to) = (
            self.dice.random_range(0..all),
            self.dice.random_range(0..all),
        );
        let amount = self.dice.random_range(1..10);
        let text = "MATCH (a:Account {id: $from}), (b:Account {id: $to})
                    SET a.balance = a.balance - $amount, b.balance = b.balance + $amount
                    RETURN a.balance AS a, b.balance AS b";
        let parameters = map([
            ("from", Value::Int(from)),
            ("to", Value::Int(to)),
            ("amount", Value::Int(amount)),
        ]);
        let connection = self.connection()?;
        connection.send(&[Request::Begin(extra())])?;
        connection.success()?;
        connection.ask(query(text, parameters))?;
        let (rows, _) = connection.answer()?;
        connection.send(&[Request::Commit])?;
        match connection.success() {
            Ok(_) => {}
            Err(error) => {
                if matches!(error, ClientError::Failed { .. }) {
                    connection.send(&[Request::Reset])?;
                    connection.success()?;
                }
                return Err(error.into());
            }
        }
        integers(&rows)?;
        self.counts.transfers += 1;
        Ok(())
    }

    fn sum(&mut self, version: Option<i64>) -> Result<()> {
        let text = "MATCH (a:Account) RETURN sum(a.balance) AS sum, count(*) AS accounts";
        let text = match version {
            None => text.to_owned(),
            Some(version) => format!("AS OF VERSION {version} {text}"),
        };
        let (rows, _) = self.ask(of_graph(query(&text, Map::new())))?;
        let all = self.shared.clients as i64 * ACCOUNTS;
        hold!(
            integers(&rows)? == [all * BALANCE, all],
            "the sum of all balances is {rows:?} at {version:?}"
        );
        self.counts.sums += 1;
        Ok(())
    }
}
