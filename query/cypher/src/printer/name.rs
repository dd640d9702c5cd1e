//! Names, in backticks where they need them.

use std::fmt::{self, Display, Formatter};

use crate::ast::{Identifier, QualifiedName};
use crate::keyword::Keyword;
use crate::lexer::is_plain_identifier;

/// A variable or the name of a thing. Names spelled like keywords are put in backticks everywhere,
/// though few positions require it.
pub(super) struct Name<'a>(pub(super) &'a Identifier);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.0.as_str();
        if is_plain_identifier(name) && Keyword::lookup(name).is_none() {
            f.write_str(name)
        } else {
            write!(f, "`{}`", name.replace('`', "``"))
        }
    }
}

/// A property key, label or relationship type: positions in which no keyword has a meaning.
pub(super) struct Key<'a>(pub(super) &'a Identifier);

impl Display for Key<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.as_str() {
            name if is_plain_identifier(name) => f.write_str(name),
            name => write!(f, "`{}`", name.replace('`', "``")),
        }
    }
}

/// A function or procedure name.
pub(super) struct Qualified<'a>(pub(super) &'a QualifiedName);

impl Display for Qualified<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let QualifiedName {
            namespace, name, ..
        } = self.0;
        for part in namespace {
            write!(f, "{}.", Name(part))?;
        }
        match Keyword::lookup(name.as_str()) {
            // Ordinary functions whose names happen to be keywords of subquery expressions.
            Some(Keyword::Exists | Keyword::Count | Keyword::Collect) => f.write_str(name.as_str()),
            _ => Name(name).fmt(f),
        }
    }
}

/// The name of a parameter, which may be a number.
pub(super) struct ParameterName<'a>(pub(super) &'a Identifier);

impl Display for ParameterName<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.0.as_str();
        let is_number = name == "0"
            || (!name.is_empty()
                && !name.starts_with('0')
                && name.bytes().all(|byte| byte.is_ascii_digit()));
        if is_number || is_plain_identifier(name) {
            f.write_str(name)
        } else {
            write!(f, "`{}`", name.replace('`', "``"))
        }
    }
}
