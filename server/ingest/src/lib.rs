//! Import sources and jobs: CSV, JSON Lines, git; and export.
