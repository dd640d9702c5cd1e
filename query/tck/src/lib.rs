//! Runs openCypher TCK scenarios against the engine under a strict comparator.
