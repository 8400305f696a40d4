//! The durable log of an agent run, and the state machine for checkpoint, rollback, fork, resume and replay.
