//! Those who look on while a session runs: gdb.

use super::Manner;
use super::host::Console;
use crate::exit::{Exit, Failure};
use cluster::run::Cluster;
use debug::gdb::{Address, Gdb};

/// Lets whoever the user named look on.
///
/// Errors: the port cannot be had.
pub(super) fn attach(cluster: &mut Cluster, host: &mut Console, manner: &Manner) -> Result<(), Failure> {
    if let Some(address) = &manner.gdb {
        let gdb = listen(address, cluster, host)?;
        host.set_attention(gdb.attention());
        cluster.set_driver(Box::new(gdb));
        if !manner.quiet {
            let wait = if address.waits { "the node waits for it" } else { "the node runs meanwhile" };
            eprintln!("note: gdb is listened for; {wait}: gdb-multiarch -ex 'target remote {address}'");
        }
    }
    Ok(())
}

fn listen(address: &Address, cluster: &Cluster, host: &Console) -> Result<Gdb, Failure> {
    Gdb::listen(address, cluster.node(), Box::new(host.leaving())).map_err(|error| {
        let cause = format!("cannot listen for gdb at {address}: {error}");
        Failure::new(Exit::Host, cause, "name another port or path")
    })
}
