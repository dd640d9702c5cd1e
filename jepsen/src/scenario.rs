//! Scenarios: a fault, when it strikes, and what must hold afterwards.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::fault::{self, Mounted};
use crate::history::{self, History};
use crate::import;
use crate::schema::{self, Said};

/// A worker that says nothing for so long hangs.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Threads of a worker process.
const THREADS: u64 = 3;

/// What came of a scenario.
#[derive(Debug)]
pub enum Outcome {
    /// It held; what was seen.
    Held(String),
    /// It cannot be run on this machine, and why.
    NotRun(String),
}

/// The program that runs workers (`worker` and `import` subcommands), and the seed of the run.
pub struct Tester {
    program: PathBuf,
    random: ChaCha8Rng,
    /// How often each fault strikes.
    cycles: u32,
}

impl Tester {
    /// A tester whose faults strike at moments drawn from the seed.
    #[must_use]
    pub fn new(program: PathBuf, seed: u64, cycles: u32) -> Self {
        Self {
            program,
            random: ChaCha8Rng::seed_from_u64(seed),
            cycles,
        }
    }

    /// SIGKILL while several threads commit: after each, the directory is checked and used on.
    ///
    /// # Errors
    /// If anything acknowledged is lost or anything is there in part.
    pub fn kill_during_commits(&mut self) -> Result<Outcome> {
        let directory = tempfile::tempdir()?;
        let data = directory.path().join("data");
        let mut history = History::default();
        for cycle in 0..self.cycles {
            let mut worker = self.start_writer(&data, cycle, u64::MAX)?;
            let acknowledged = self.random.random_range(0..200);
            worker.listen_for(acknowledged, &mut history)?;
            worker.kill(&mut history)?;
            self.check(&data, &history, cycle)?;
        }
        Ok(Outcome::Held(format!(
            "{} commits acknowledged",
            history.acknowledged.len()
        )))
    }

    /// SIGKILL while an import runs, until it is complete.
    ///
    /// # Errors
    /// If a row is missing or doubled in the end.
    pub fn kill_during_import(&mut self) -> Result<Outcome> {
        let plain = self.kill_an_import(false)?;
        let history = self.kill_an_import(true)?;
        Ok(Outcome::Held(format!(
            "{} rows after {plain} kills, and as a history after {history}",
            import::NODES + import::RELATIONSHIPS
        )))
    }

    /// Returns how often it was killed.
    fn kill_an_import(&mut self, history: bool) -> Result<u32> {
        let directory = tempfile::tempdir()?;
        let data = directory.path().join("data");
        import::write_input(directory.path())?;
        let mut kills = 0;
        loop {
            let input = directory.path().display().to_string();
            let mut arguments = vec!["--input", &input];
            arguments.extend(history.then_some("--history"));
            let mut worker = Worker::start(&self.program, "import", &data, &arguments)?;
            // Commits of a history are told of before they are durable, so it takes more to get on.
            let batches_max = if history { 120 } else { 25 };
            let batches = self.random.random_range(0..batches_max);
            let mut is_complete = false;
            for _ in 0..=batches {
                match worker.next_line()? {
                    Some(line) if line == "complete" => is_complete = true,
                    Some(_) => {}
                    None => break,
                }
            }
            if is_complete {
                worker.child.wait()?;
                break;
            }
            worker.kill(&mut History::default())?;
            kills += 1;
            ensure!(kills < 1_000, "the import does not come on");
        }
        import::check(&data)?;
        Ok(kills)
    }

    /// SIGKILL while indexes and constraints come and go beside writers: after each, every index is
    /// built to its end and finds what a scan finds, and every constraint holds or is not there.
    ///
    /// # Errors
    /// If a command that returned is undone, or an index or constraint is there in part.
    pub fn kill_during_schema(&mut self) -> Result<Outcome> {
        let directory = tempfile::tempdir()?;
        let data = directory.path().join("data");
        let mut said = Said::default();
        for cycle in 0..self.cycles {
            let seed = self.random.random_range(0..1_000_000_u64).to_string();
            let mut worker = Worker::start(&self.program, "schema", &data, &["--seed", &seed])?;
            match worker.next_line()? {
                Some(line) if line == "ready" => {}
                _ => bail!("the worker did not start: {}", worker.errors()?),
            }
            // After so many lines, and a moment in which it may be anywhere.
            for _ in 0..self.random.random_range(0..12) {
                match worker.next_line()? {
                    Some(line) => said.record(&line),
                    None => bail!("the worker ended by itself: {}", worker.errors()?),
                }
            }
            std::thread::sleep(Duration::from_micros(self.random.random_range(0..60_000)));
            for line in worker.kill_listening()? {
                said.record(&line);
            }
            schema::check(&data, &mut said).with_context(|| format!("after kill {}", cycle + 1))?;
        }
        Ok(Outcome::Held(format!(
            "{} commands returned beside {} kills",
            said.done, self.cycles
        )))
    }

    /// The file system loses everything that was not synced while several threads commit.
    ///
    /// # Errors
    /// If anything acknowledged is lost or anything is there in part.
    pub fn power_cut(&mut self) -> Result<Outcome> {
        if let Some(obstacle) = fault::power_cut_obstacle() {
            return Ok(Outcome::NotRun(obstacle));
        }
        let directory = tempfile::tempdir()?;
        let disk = Mounted::ext4_image(directory.path(), 512)?;
        let data = disk.point().join("data");
        let mut history = History::default();
        for cycle in 0..self.cycles {
            let mut worker = self.start_writer(&data, cycle, u64::MAX)?;
            let acknowledged = self.random.random_range(1..200);
            worker.listen_for(acknowledged, &mut history)?;
            worker.freeze()?;
            disk.cut_power()?;
            worker.kill(&mut history)?;
            disk.remount_after_power_cut()?;
            self.check(&data, &history, cycle)?;
        }
        Ok(Outcome::Held(format!(
            "{} commits acknowledged",
            history.acknowledged.len()
        )))
    }

    /// The disk becomes full while several threads commit; the worker must end with an error, and the
    /// directory must be whole once there is room again.
    ///
    /// # Errors
    /// If the worker does not fail cleanly, or anything acknowledged is lost.
    pub fn full_disk(&mut self) -> Result<Outcome> {
        if let Some(obstacle) = fault::mount_obstacle() {
            return Ok(Outcome::NotRun(obstacle));
        }
        let directory = tempfile::tempdir()?;
        let disk = Mounted::tmpfs(directory.path(), 24)?;
        let data = disk.point().join("data");
        let mut history = History::default();
        let mut worker = self.start_writer(&data, 0, u64::MAX)?;
        while let Some(line) = worker.next_line()? {
            history.record(&line);
        }
        let output = worker.child.wait()?;
        let said = worker.errors()?;
        ensure!(
            output.code() == Some(1),
            "the worker ended with {output} and said: {said}"
        );
        let is_specific = said.contains("No space left") || said.contains("disk");
        ensure!(is_specific, "the error does not name the full disk: {said}");
        ensure!(
            !history.acknowledged.is_empty(),
            "the disk was full before anything was written"
        );
        disk.resize(256)?;
        self.check(&data, &history, 0)?;
        // And it can be written to again.
        let mut worker = self.start_writer(&data, 1, 5)?;
        while let Some(line) = worker.next_line()? {
            history.record(&line);
        }
        worker.child.wait()?;
        self.check(&data, &history, 1)?;
        Ok(Outcome::Held(format!(
            "{} commits acknowledged",
            history.acknowledged.len()
        )))
    }

    /// Bits of the store's files flip while it is closed: opening or checking it gives an error, or
    /// everything that was acknowledged; never a wrong answer.
    ///
    /// # Errors
    /// If an answer is wrong, or the checker panics.
    pub fn bit_rot(&mut self) -> Result<Outcome> {
        let directory = tempfile::tempdir()?;
        let data = directory.path().join("data");
        let mut history = History::default();
        let mut worker = self.start_writer(&data, 0, 300)?;
        while let Some(line) = worker.next_line()? {
            history.record(&line);
        }
        worker.child.wait()?;
        self.check(&data, &history, 0)?;
        let (mut refused, mut harmless) = (0, 0);
        for cycle in 0..self.cycles {
            let copy = directory.path().join(format!("copy-{cycle}"));
            copy_directory(&data, &copy)?;
            let files = files_of(&copy)?;
            let (file, size) = &files[self.random.random_range(0..files.len())];
            let offset = self.random.random_range(0..*size);
            fault::flip_bit(file, offset, self.random.random_range(0..8))?;
            // In a process of its own: what it says about a damaged store must be an error, not a
            // panic or a crash.
            let said = Worker::start(&self.program, "check", &copy, &[])?
                .answer(&history)
                .with_context(|| format!("bit at {offset} of {}", file.display()))?;
            match said {
                Verdict::Refused => refused += 1,
                Verdict::Right => harmless += 1,
                Verdict::Wrong(what) => {
                    bail!(
                        "a bit at {offset} of {} gave a wrong answer: {what}",
                        file.display()
                    )
                }
            }
            std::fs::remove_dir_all(&copy)?;
        }
        Ok(Outcome::Held(format!(
            "{refused} refused with an error, {harmless} without effect"
        )))
    }

    fn start_writer(&self, data: &Path, cycle: u32, transactions: u64) -> Result<Worker> {
        // Each cycle has workers of its own, so that transaction numbers stay unique.
        let first = (u64::from(cycle) * THREADS).to_string();
        let threads = THREADS.to_string();
        let transactions = transactions.to_string();
        let arguments = [
            "--threads",
            &threads,
            "--first",
            &first,
            "--transactions",
            &transactions,
        ];
        let mut worker = Worker::start(&self.program, "worker", data, &arguments)?;
        match worker.next_line()? {
            Some(line) if line == "ready" => Ok(worker),
            _ => bail!("the worker did not start: {}", worker.errors()?),
        }
    }

    fn check(&self, data: &Path, history: &History, cycle: u32) -> Result<()> {
        history::check(data, history).with_context(|| format!("after fault {}", cycle + 1))?;
        Ok(())
    }
}

enum Verdict {
    Right,
    Refused,
    Wrong(String),
}

/// A process that works on a data directory.
struct Worker {
    child: Child,
    lines: Receiver<std::io::Result<String>>,
}

impl Worker {
    fn start(program: &Path, command: &str, data: &Path, arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new(program)
            .arg(command)
            .arg("--data")
            .arg(data)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = child.stdout.take().context("the worker has no output")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// The next line; none when the worker has ended.
    fn next_line(&mut self) -> Result<Option<String>> {
        match self.lines.recv_timeout(SILENCE_MAX) {
            Ok(line) => Ok(Some(line?)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                self.child.kill()?;
                bail!("the worker hangs: nothing for {SILENCE_MAX:?}")
            }
        }
    }

    /// Records so many lines.
    fn listen_for(&mut self, lines: u32, history: &mut History) -> Result<()> {
        for _ in 0..lines {
            match self.next_line()? {
                Some(line) => history.record(&line),
                None => bail!("the worker ended by itself: {}", self.errors()?),
            }
        }
        Ok(())
    }

    /// Stops every thread of the worker where it is: it says nothing any more. What the system is
    /// doing for it goes on, a sync too.
    ///
    /// A file system that is shut down under a running `fdatasync` may let it return as if all were
    /// well (seen with ext4 of Linux 6.18 and a loop of nothing but appends and syncs: 11 of 300). A
    /// power cut stops the process as well, so such an answer is one that nobody can give.
    fn freeze(&mut self) -> Result<()> {
        let process = self.child.id();
        fault::run("sh", &["-c", &format!("kill -STOP {process}")])?;
        let status = format!("/proc/{process}/stat");
        let began = Instant::now();
        while began.elapsed() < SILENCE_MAX {
            // The state stands behind the name, which is in brackets.
            let line = std::fs::read_to_string(&status)?;
            let state = line.rsplit(')').next().map(str::trim_start);
            match state.and_then(|state| state.chars().next()) {
                Some('T') => return Ok(()),
                Some('Z' | 'X') | None => bail!("the worker ended by itself: {}", self.errors()?),
                Some(_) => std::thread::yield_now(),
            }
        }
        bail!("the worker does not stop")
    }

    /// Kills the worker, and records what it had said before.
    fn kill(&mut self, history: &mut History) -> Result<()> {
        for line in self.kill_listening()? {
            history.record(&line);
        }
        Ok(())
    }

    /// Kills the worker, and returns what it had said before.
    fn kill_listening(&mut self) -> Result<Vec<String>> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(self.lines.iter().collect::<std::io::Result<_>>()?)
    }

    fn errors(&mut self) -> Result<String> {
        let Some(stderr) = self.child.stderr.take() else {
            return Ok(String::new());
        };
        Ok(std::io::read_to_string(stderr)?.trim().to_owned())
    }

    /// Sends the history to a `check` process and hears what it found.
    fn answer(mut self, history: &History) -> Result<Verdict> {
        use std::io::Write;
        let mut stdin = self
            .child
            .stdin
            .take()
            .context("the checker has no input")?;
        for acknowledged in &history.acknowledged {
            // A checker that cannot open the directory has stopped listening.
            if writeln!(stdin, "{}", History::line(acknowledged)).is_err() {
                break;
            }
        }
        drop(stdin);
        while self.next_line()?.is_some() {}
        let status = self.child.wait()?;
        let said = self.errors()?;
        match status.code() {
            Some(0) => Ok(Verdict::Right),
            Some(1) if said.contains("panicked") => bail!("the checker panicked: {said}"),
            // The store's own errors have a cause it reports; the checks' errors have none.
            Some(1) => Ok(Verdict::Refused),
            Some(3) => Ok(Verdict::Wrong(said)),
            _ => bail!("the checker ended with {status}: {said}"),
        }
    }
}

fn files_of(directory: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_of(&path)?);
            continue;
        }
        let size = entry.metadata()?.len();
        // RocksDB's own log is for people, and the lock file holds a process id.
        let name = entry.file_name();
        let is_data = !name.to_string_lossy().starts_with("LOG") && name != "LOCK";
        if is_data && size > 0 {
            files.push((path, size));
        }
    }
    files.sort();
    Ok(files)
}

fn copy_directory(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_directory(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
