//! Opens a data directory and serves queries over its graphs.
