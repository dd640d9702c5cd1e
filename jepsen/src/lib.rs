//! Crash tests: kill, power cut and full disk under imports and commits.
