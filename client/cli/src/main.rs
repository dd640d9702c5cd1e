//! The `retrograph` command: one program with subcommands, over an embedded data directory or a server.
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
mod remote;
mod session;
mod settings;
mod shell;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command, ServerArguments};
use remote::Place;
use tikv_jemallocator::Jemalloc;

/// Of RocksDB, too. See docs/decisions/0021-allocator.md.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let data = arguments.data();
    let data_flag = arguments.data_flag().map(ToOwned::to_owned);
    let place = |server: &ServerArguments| Place::of(server, data.clone(), data_flag.is_some());
    let result = match arguments.command {
        Command::Query(arguments) => commands::query::run(&place(&arguments.server), arguments),
        Command::Shell(arguments) => shell::run(&place(&arguments.server), arguments),
        Command::Import { source } => commands::import::run(&place(source.server()), source),
        Command::Export(arguments) => commands::export::run(&place(&arguments.server), &arguments),
        Command::Info(arguments) => commands::info::run(&place(&arguments.server), &arguments),
        Command::Demo(arguments) => demo::run(&data, &arguments),
        Command::Graph { action } => commands::graph::run(&place(action.server()), &action),
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
