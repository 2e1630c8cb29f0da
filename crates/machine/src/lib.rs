//! One node of the multicomputer: a multi-hart RV64 machine.
