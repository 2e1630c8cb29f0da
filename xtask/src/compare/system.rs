//! What is compared: native code and three ways to run a node.

use super::build::Pieces;
use anyhow::{Result, bail};
use std::process::Command;

/// Main memory of each node, in MiB.
const MEMORY_MIB: u32 = 512;
/// Words of the kernel's command line. Emulators are stopped for seconds while others run: no watchdog may mind.
const KERNEL_WORDS: &str =
    "console=ttyS0 quiet loglevel=3 nowatchdog rcupdate.rcu_cpu_stall_suppress=1 rdinit=/init";

/// One column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    Native,
    Qemu,
    QemuIcount,
    Multivac,
}

impl System {
    /// In the order of the table.
    pub(super) const ALL: [System; 4] = [System::Native, System::Qemu, System::QemuIcount, System::Multivac];

    /// The name on the command line and in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            System::Native => "native",
            System::Qemu => "qemu",
            System::QemuIcount => "qemu-icount",
            System::Multivac => "multivac",
        }
    }

    /// Errors: no system has the name.
    pub(super) fn named(name: &str) -> Result<System> {
        match System::ALL.into_iter().find(|system| system.name() == name) {
            Some(system) => Ok(system),
            None => bail!("no system is called `{name}`; there are native, qemu, qemu-icount and multivac"),
        }
    }

    /// Whether it boots a node, rather than running a program of the host.
    pub(super) fn is_emulator(self) -> bool {
        self != System::Native
    }

    /// The command that boots the suite's node with `harts` harts and tells its `/init` in `words` what to do.
    pub(super) fn command(self, pieces: &Pieces, harts: u32, words: &str) -> Command {
        let append = format!("{KERNEL_WORDS} {words}");
        if self == System::Multivac {
            let mut command = Command::new(&pieces.multivac);
            command.args(["run", "--quiet", "--harts", &harts.to_string()]);
            command.args(["--memory", &format!("{MEMORY_MIB}MiB"), "--append", &append]);
            command.arg("--kernel").arg(&pieces.kernel).arg("--initrd").arg(&pieces.initramfs);
            command.arg("--disk").arg(format!("{},ro", pieces.root.display()));
            return command;
        }
        let mut command = Command::new("qemu-system-riscv64");
        command.args([
            "-M",
            "virt",
            "-nodefaults",
            "-display",
            "none",
            "-serial",
            "stdio",
            "-monitor",
            "none",
        ]);
        command.args(["-no-reboot", "-m", &MEMORY_MIB.to_string(), "-smp", &harts.to_string()]);
        if self == System::QemuIcount {
            command.args(["-icount", "shift=0,sleep=off"]);
        }
        command.arg("-kernel").arg(&pieces.kernel).arg("-initrd").arg(&pieces.initramfs);
        command.args(["-append", &append, "-device", "virtio-blk-device,drive=root", "-drive"]);
        command.arg(format!("file={},format=raw,if=none,id=root,readonly=on", pieces.root.display()));
        command
    }
}
