//! What a root has beyond its packages: the command that reaches other nodes of a cluster, and settings with which
//! parallel programs find them without ssh.

use crate::debian::deb::content;
use crate::initramfs::AGENT;
use crate::tree::{Meta, Tree};

/// The agent under this name runs a command on another node.
const REMOTE: &str = "usr/bin/multivac-rsh";
/// Where MPICH's launcher finds the nodes; the agent writes them when the node gets its identity.
const NODES: &str = "etc/multivac/nodes";

/// Settings of Open MPI's run-time environment: daemons are started without ssh by the launching node itself, processes
/// go round the nodes and may outnumber the harts, and none is tied to one.
const PRRTE: (&str, &str) = (
    "etc/openmpi/prte-mca-params.conf",
    "plm_ssh_agent = /usr/bin/multivac-rsh\n\
     plm_ssh_no_tree_spawn = 1\n\
     rmaps_default_mapping_policy = node:OVERSUBSCRIBE\n\
     hwloc_default_binding_policy = none\n",
);

/// A small problem for hpcc, in the folders where commands and shells begin: a minute or two for 4 to 16 nodes.
const HPCC: &str = include_str!("hpccinf.txt");

/// Adds them to a root whose packages are in place; settings only of programs that are there.
pub(super) fn add(tree: &mut Tree) -> Result<(), String> {
    let mut put = |path: &str, mode: u16, bytes: &[u8]| {
        tree.insert(path.as_bytes(), Meta::root(mode), content(bytes.to_vec()))
    };
    put(REMOTE, 0o755, AGENT)?;
    put(NODES, 0o644, b"localhost\n")?;
    if tree.get(b"usr/bin/prted").is_some() {
        tree.insert(PRRTE.0.as_bytes(), Meta::root(0o644), content(PRRTE.1.as_bytes().to_vec()))?;
    }
    if tree.get(b"usr/bin/hpcc").is_some() {
        for path in ["hpccinf.txt", "root/hpccinf.txt"] {
            tree.insert(path.as_bytes(), Meta::root(0o644), content(HPCC.as_bytes().to_vec()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_with_their_programs() {
        let mut tree = Tree::new();
        add(&mut tree).expect("added");
        assert!(tree.file(REMOTE.as_bytes()).is_some_and(|file| file.len() == AGENT.len() as u64));
        assert!(tree.get(PRRTE.0.as_bytes()).is_none() && tree.get(b"hpccinf.txt").is_none());
        for program in ["usr/bin/prted", "usr/bin/hpcc"] {
            tree.insert(program.as_bytes(), Meta::root(0o755), content(Vec::new())).expect("inserted");
        }
        add(&mut tree).expect("added");
        let settings = tree.file(PRRTE.0.as_bytes()).expect("settings").read_all().expect("read");
        assert!(String::from_utf8_lossy(&settings).contains(&format!("plm_ssh_agent = /{REMOTE}\n")));
        assert!(tree.get(b"root/hpccinf.txt").is_some());
    }
}
