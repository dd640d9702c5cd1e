//! The `retrograph` command: one program with subcommands, over an embedded data directory.
//!
//! Standard output carries results only; progress, remarks and errors go to standard error. Exit
//! codes are in [`failure::Kind`].

mod args;
mod builds;
mod commands;
mod conversation;
mod demo;
mod failure;
mod interrupt;
mod json;
mod log;
mod moment;
mod output;
mod parameters;
mod progress;
mod session;
mod settings;
mod shell;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let data = arguments.data();
    let data_flag = arguments.data_flag().map(ToOwned::to_owned);
    let result = match arguments.command {
        Command::Query(arguments) => commands::query::run(&data, arguments),
        Command::Shell(arguments) => shell::run(&data, arguments),
        Command::Import { source } => commands::import::run(&data, source),
        Command::Export(arguments) => commands::export::run(&data, &arguments),
        Command::Info(arguments) => commands::info::run(&data, &arguments),
        Command::Demo(arguments) => demo::run(&data, &arguments),
        Command::Graph { action } => commands::graph::run(&data, &action),
        Command::Config { action } => commands::config::run(data_flag.as_deref(), &action),
        Command::Serve(arguments) => commands::serve::run(data_flag.as_deref(), &arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal::complain(&failure.to_string());
            ExitCode::from(failure.code())
        }
    }
}
