//! `retrograph shell`: statements and commands, from a terminal or a pipe.
//!
//! Statements end with `;` and may span lines; commands begin with `:` and take one line. On a
//! terminal an error is shown and the shell goes on; from a pipe it ends the shell with exit code 1.

mod command;
mod completion;
mod script;

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use retrograph_cypher::{Concealed, split_statements};
use retrograph_engine::Output;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::{Config, Editor};

use crate::args::ShellArguments;
use crate::commands::query::print;
use crate::conversation::{Conversation, Origin};
use crate::failure::Failure;
use crate::output::{Format, Printer};
use crate::remote::{Place, Remote};
use crate::session::{Session, actor, open, read_csv_from};
use crate::terminal;
use command::{Command, TransactionStep};
use completion::{Assistant, Vocabulary};

/// Where the lines typed are kept, unless this variable says where.
const HISTORY_VARIABLE: &str = "RETROGRAPH_HISTORY";
const HISTORY_FILE: &str = ".retrograph_history";

/// Runs the shell until its input ends.
pub fn run(place: &Place, arguments: ShellArguments) -> Result<(), Failure> {
    let conversation: Box<dyn Conversation> = match place {
        Place::Here(data) => {
            let database = open(data)?;
            read_csv_from(&database, arguments.import_dir.as_deref())?;
            Box::new(Session::new(database, actor(arguments.actor.as_deref())))
        }
        Place::There(server) => {
            server.refuse_local(&arguments.actor, &arguments.import_dir)?;
            Box::new(Remote::open(server)?)
        }
    };
    converse(conversation, &arguments)
}

/// The same for every place where the graph can be.
fn converse(mut session: Box<dyn Conversation>, arguments: &ShellArguments) -> Result<(), Failure> {
    if let Some(name) = &arguments.graph {
        session.use_graph(name)?;
    } else if let [only] = session.graphs()?.as_slice() {
        session.use_graph(&only.name)?;
    }
    session.travel(arguments.moment.moment())?;
    let mut shell = Shell {
        session,
        format: arguments.output,
        has_timing: false,
    };
    let ran = if std::io::stdin().is_terminal() {
        shell.converse()
    } else {
        shell.play()
    };
    let built = shell.session.finish_builds();
    ran.and(built)
}

/// Whether the shell goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Line,
    End,
}

struct Shell {
    session: Box<dyn Conversation>,
    format: Format,
    has_timing: bool,
}

impl Shell {
    /// Reads from a terminal.
    fn converse(&mut self) -> Result<(), Failure> {
        let unusable =
            |error: ReadlineError| Failure::new(format!("the terminal cannot be used: {error}"));
        let config = Config::builder()
            .auto_add_history(false)
            .history_ignore_space(true)
            .build();
        let mut editor: Editor<Assistant, _> = Editor::with_config(config).map_err(unusable)?;
        editor.set_completion_type(rustyline::CompletionType::List);
        let history = history_file();
        if let Some(path) = &history {
            // There is none before the first shell.
            let _ = editor.load_history(path);
        }
        if terminal::is_watched() {
            terminal::remark("Statements end with `;`. Try :help, and Tab.");
        }
        loop {
            editor.set_helper(Some(Assistant::new(Vocabulary::of(&*self.session))));
            let next = match editor.readline(&self.prompt()) {
                Ok(line) => {
                    // What holds a password is not kept.
                    if !Concealed::of(&line).is_secret() {
                        editor.add_history_entry(&line).map_err(unusable)?;
                    }
                    self.take(&line)
                }
                Err(ReadlineError::Interrupted) => Ok(Next::Line),
                Err(ReadlineError::Eof) => Ok(Next::End),
                Err(error) => return Err(unusable(error)),
            };
            match next {
                Ok(Next::Line) => {}
                Ok(Next::End) => break,
                Err(failure) => terminal::complain(&failure.to_string()),
            }
        }
        if let Some(path) = &history
            && let Err(error) = editor.save_history(path)
        {
            terminal::complain(&format!(
                "warning: cannot write {}: {error}",
                path.display()
            ));
        }
        Ok(())
    }

    /// Reads from a pipe, up to the first error.
    fn play(&mut self) -> Result<(), Failure> {
        let mut waiting = String::new();
        for line in std::io::stdin().lock().lines() {
            let line =
                line.map_err(|error| Failure::new(format!("cannot read standard input: {error}")))?;
            let is_command = waiting.trim().is_empty() && line.trim_start().starts_with(':');
            waiting.push_str(&line);
            waiting.push('\n');
            if (is_command || script::is_complete(&waiting))
                && self.take(&std::mem::take(&mut waiting))? == Next::End
            {
                return Ok(());
            }
        }
        self.take(&waiting).map(|_| ())
    }

    fn prompt(&self) -> String {
        let name = self.session.graph_name().unwrap_or("(no graph)");
        let mut facts: Vec<String> = self.session.moment().describe().into_iter().collect();
        if self.session.is_in_transaction() {
            facts.push("transaction".to_owned());
        }
        if facts.is_empty() {
            return format!("{name}> ");
        }
        format!("{name} ({})> ", facts.join(", "))
    }

    /// Does what some lines say.
    fn take(&mut self, text: &str) -> Result<Next, Failure> {
        if text.trim_start().starts_with(':') {
            return self.obey(command::parse(text).map_err(Failure::new)?);
        }
        for statement in split_statements(text) {
            self.run(
                statement,
                Origin {
                    script: text,
                    name: "query",
                },
            )?;
        }
        Ok(Next::Line)
    }

    fn run(&self, statement: &str, origin: Origin<'_>) -> Result<(), Failure> {
        let ran = print(&*self.session, statement, origin, self.format)?;
        if terminal::is_watched() || self.has_timing {
            let remark = ran.describe(self.has_timing);
            if !remark.is_empty() {
                terminal::remark(&format!("({remark})"));
            }
        }
        Ok(())
    }

    fn obey(&mut self, command: Command) -> Result<Next, Failure> {
        match command {
            Command::Help => say(command::HELP)?,
            Command::Quit => return Ok(Next::End),
            Command::Travel(moment) => self.session.travel(moment)?,
            Command::Use(name) => self.session.use_graph(&name)?,
            Command::Graphs => {
                let mut out = terminal::results();
                crate::commands::graph::print(&self.session.graphs()?, self.format, &mut out)?;
            }
            Command::Timing(is_on) => self.has_timing = is_on,
            Command::Output(format) => self.format = format,
            Command::Parameters => self.show_parameters()?,
            Command::Parameter { name, expression } => {
                let value = self.session.evaluate(&expression)?;
                self.session.parameters_mut().insert(name, value);
            }
            Command::Forget => self.session.parameters_mut().clear(),
            Command::Explain(text) => {
                let text = format!("EXPLAIN {text}");
                for statement in split_statements(&text) {
                    self.run(
                        statement,
                        Origin {
                            script: &text,
                            name: "query",
                        },
                    )?;
                }
            }
            Command::Transaction(step) => self.transact(step)?,
        }
        Ok(Next::Line)
    }

    fn transact(&mut self, step: TransactionStep) -> Result<(), Failure> {
        match step {
            TransactionStep::Begin => self.session.begin()?,
            TransactionStep::Rollback => self.session.rollback()?,
            TransactionStep::Commit => {
                let version = self.session.commit()?;
                if terminal::is_watched() {
                    terminal::remark(&format!("(version {version})"));
                }
            }
        }
        Ok(())
    }

    fn show_parameters(&self) -> Result<(), Failure> {
        let mut out = terminal::results();
        let mut printer = Printer::new(self.format, &mut out, terminal::width());
        printer.head(&["parameter", "value"]);
        for (name, value) in self.session.parameters() {
            let name = Output::Value(name.as_str().into());
            printer.print(&[name, Output::Value(value.clone())]);
        }
        Ok(printer.finish()?)
    }
}

fn say(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = terminal::results();
    Ok(out.write_all(text.as_bytes()).and_then(|()| out.flush())?)
}

fn history_file() -> Option<PathBuf> {
    let named = std::env::var_os(HISTORY_VARIABLE).map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(HISTORY_FILE)))
}
