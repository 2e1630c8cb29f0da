//! Nodes in one virtual time: the run loop, the control channel and the telemetry.
