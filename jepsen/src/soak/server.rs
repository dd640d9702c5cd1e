//! The server under soak: the real program, on a port of its own.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// The graph that is written.
pub(crate) const GRAPH: &str = "soak";

/// The caches of a machine with 1 GiB, so that they are full soon, and whatever grows after that is something else.
const CACHES: [(&str, &str); 4] = [
    ("RETROGRAPH_CACHES_IMAGE_BYTES_MAX", "256MiB"),
    ("RETROGRAPH_CACHES_BLOCK_BYTES_MAX", "64MiB"),
    ("RETROGRAPH_CACHES_WRITE_BUFFER_BYTES_MAX", "16MiB"),
    ("RETROGRAPH_CACHES_PLAN_BYTES_MAX", "8MiB"),
];

/// A server is up within this.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the server is started from.
pub(crate) struct SoakServer {
    program: PathBuf,
    data: PathBuf,
    pub(crate) address: SocketAddr,
    /// Where it tells its metrics.
    pub(crate) metrics: SocketAddr,
}

/// A server that runs; killed when dropped.
pub(crate) struct Process(Child);

impl SoakServer {
    /// Finds ports.
    pub(crate) fn new(program: PathBuf, data: PathBuf) -> Result<Self> {
        // Given back at once: the server, started again and again, is to have the same ones.
        let ports = [
            TcpListener::bind("127.0.0.1:0")?,
            TcpListener::bind("127.0.0.1:0")?,
        ];
        let [address, metrics] = ports.map(|port| port.local_addr());
        Ok(Self {
            program,
            data,
            address: address?,
            metrics: metrics?,
        })
    }

    /// Starts it and waits until it accepts connections.
    pub(crate) fn start(&self) -> Result<Process> {
        let child = Command::new(&self.program)
            .arg("--data")
            .arg(&self.data)
            .args(["serve", "--no-auth", "--graph", GRAPH, "--listen"])
            .arg(self.address.to_string())
            .env("RETROGRAPH_HTTP_METRICS", self.metrics.to_string())
            .envs(CACHES)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let mut process = Process(child);
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = process.0.try_wait()? {
                bail!("the server ended by itself: {status}");
            }
            if begun.elapsed() > PATIENCE {
                bail!("the server does not listen after {} s", PATIENCE.as_secs());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(process)
    }
}

impl Process {
    /// Kills it, without a chance to write anything.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(status) = self.0.try_wait()? {
            bail!("the server ended by itself: {status}");
        }
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    /// How much memory it has.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        Ok(kib.context("the system does not tell the memory of processes")? << 10)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended; there is nobody to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
