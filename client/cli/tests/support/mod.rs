//! Runs the real command and looks at what it says.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A data directory and the command on it.
pub struct Retrograph {
    directory: TempDir,
}

/// What a command left.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Outcome {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Self {
            code: output.status.code().expect("it was not killed"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// What it printed, if it succeeded.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.out
    }

    /// What it complained, if it failed with this code.
    #[track_caller]
    pub fn failure(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:#?}");
        self.err
    }
}

impl Retrograph {
    /// A data directory without graphs.
    pub fn empty() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a directory can be made"),
        }
    }

    /// A data directory with an empty graph `g`.
    pub fn with_graph() -> Self {
        let retrograph = Self::empty();
        retrograph.run(&["graph", "create", "g"]).success();
        retrograph
    }

    /// The directory that holds the data directory, for other files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The command with arguments, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_retrograph"));
        command
            .args(arguments)
            .arg("--data")
            .arg(self.directory.path().join("data"))
            .current_dir(self.directory.path())
            .env_remove("RETROGRAPH_DATA")
            .env_remove("RETROGRAPH_SERVER")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the command.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(
            self.command(arguments)
                .output()
                .expect("the command starts"),
        )
    }

    /// Runs a query on graph `g`.
    pub fn query(&self, text: &str) -> Outcome {
        self.run(&["query", "g", text, "--output", "csv"])
    }

    /// Runs the command with a text on standard input.
    pub fn feed(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        // A command that fails early does not read to the end.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        Outcome::of(child.wait_with_output().expect("the command ends"))
    }

    /// Writes a file beside the data.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path.to_str().expect("temporary paths are UTF-8").to_owned()
    }
}

/// Presses Ctrl-C.
pub fn interrupt(child: &std::process::Child) {
    // The shell's own: not every machine has the program.
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -INT {}", child.id())])
        .status()
        .expect("sh is there");
    assert!(sent.success());
}
