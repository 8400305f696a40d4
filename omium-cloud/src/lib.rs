//! The control plane: one server that takes synced executions, shows them, and hands abandoned ones to
//! another worker. It will hold the routes, their rules and the database behind them, and is never on the
//! critical path of a run. So far there is no code in it.
