//! Scheduling, allocation and load-balancing policies as pure decisions.
#![no_std]
#![forbid(unsafe_code)]
