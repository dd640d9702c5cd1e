//! Binder, planner and executor of queries over a graph view.
