//! The settings of a server: each declared once, in [`settings`], with its name, type, default, range
//! and meaning. From the declaration come the typed [`Settings`], the keys of the TOML file, the names
//! of flags and environment variables, and the page `docs/reference/configuration.md`.
//!
//! One precedence: flag, then environment, then file, then default. Whatever is given is checked, also
//! where something of higher precedence hides it; all problems are reported, each with its place.
//!
//! Adding a setting: a line in [`settings`], then `UPDATE_GOLDEN=1 cargo test -p retrograph-config`
//! writes the page anew.

mod declaration;
mod load;
mod page;
pub mod settings;
mod value;

pub use declaration::{Declaration, Section};
pub use load::{CONFIG_VARIABLE, Effective, Loaded, Origin, Problem, Sources, load};
pub use page::page;
pub use settings::Settings;
pub use value::{
    Bytes, CertificateName, Endpoint, LogFormat, LogLevel, Presence, Ratio, Value, parse_duration,
};
