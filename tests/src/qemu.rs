//! QEMU's `virt` board, stopped, under the debugger's protocol.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use isa::csr::MSTATUS;

use crate::program::{BASE, Program, RAM_BYTES};
use crate::remote::{Remote, from_hex, to_hex};
use crate::state::{COMPARED, State};

const BINARY: &str = "qemu-system-riscv64";
/// The first version whose behaviour ours follows.
const VERSION_MIN: u32 = 10;
/// Our processor in QEMU's words.
const CPU: &str = "rv64,h=true,sv57=true,zicbom=true,zicboz=true,zicbop=true,svinval=true,svnapot=true,svpbmt=true,\
    svadu=true,sstc=true,zawrs=true,zfa=true,zicond=true";
/// Single steps take interrupts, but no timer runs: what the two values in `Qqemu.sstep` say.
const STEP_WITHOUT_TIMERS: &str = "Qqemu.sstep=5";
/// Memory is read and written by physical address.
const PHYSICAL_MEMORY: &str = "Qqemu.PhyMemMode:1";
const FIRST_FLOAT: usize = 33;
/// The first hart's timer in the board's ACLINT.
const MTIMECMP: u64 = 0x200_4000;

/// A running QEMU.
///
/// Invariant: between calls it is stopped.
pub struct Qemu {
    child: Child,
    remote: Remote,
    socket: PathBuf,
    numbers: BTreeMap<String, usize>,
}

impl Qemu {
    /// Starts QEMU, or says in a line why the comparison is passed over.
    ///
    /// Errors: QEMU is absent or too old.
    pub fn start() -> Result<Qemu, String> {
        let version = Command::new(BINARY)
            .arg("--version")
            .output()
            .map_err(|_| format!("{BINARY} is not installed: not compared with QEMU"))?;
        let version = String::from_utf8_lossy(&version.stdout).into_owned();
        let major = version
            .split_whitespace()
            .find_map(|word| word.split('.').next()?.parse::<u32>().ok())
            .unwrap_or(0);
        if major < VERSION_MIN {
            return Err(format!("QEMU {major} is older than {VERSION_MIN}: not compared with it"));
        }
        Self::launch().map_err(|error| format!("QEMU does not start: {error}"))
    }

    /// Ends this QEMU and starts another.
    ///
    /// Errors: it does not start.
    pub fn restart(&mut self) -> io::Result<()> {
        *self = Self::launch()?;
        Ok(())
    }

    fn launch() -> io::Result<Qemu> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = format!("mv-{}-{}.sock", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let socket = std::env::temp_dir().join(unique);
        let child = Command::new(BINARY)
            .args(["-M", "virt", "-cpu", CPU, "-bios", "none", "-S", "-display", "none"])
            .args(["-serial", "none", "-monitor", "none"])
            .args(["-m", &format!("{}M", RAM_BYTES >> 20)])
            .arg("-gdb")
            .arg(format!("unix:{},server=on,wait=off", socket.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let deadline = Instant::now() + Duration::from_secs(20);
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let remote = Remote::new(stream);
        let mut qemu = Qemu { child, remote, socket, numbers: BTreeMap::new() };
        qemu.remote.ask("qSupported:xmlRegisters=riscv")?;
        qemu.remote.ask(STEP_WITHOUT_TIMERS)?;
        qemu.remote.ask(PHYSICAL_MEMORY)?;
        // The first file numbers the registers that the others then name.
        qemu.feature("target.xml")?;
        for file in ["riscv-64bit-fpu.xml", "riscv-64bit-virtual.xml", "riscv-csr.xml"] {
            let text = qemu.feature(file)?;
            qemu.read_numbers(&text);
        }
        Ok(qemu)
    }

    fn feature(&mut self, file: &str) -> io::Result<String> {
        let mut text = String::new();
        loop {
            let part = self.remote.ask(&format!("qXfer:features:read:{file}:{:x},ff0", text.len()))?;
            text.push_str(part.get(1..).unwrap_or(""));
            if !part.starts_with('m') {
                return Ok(text);
            }
        }
    }

    fn read_numbers(&mut self, xml: &str) {
        let attribute = |element: &str, name: &str| {
            let start = element.find(&format!("{name}=\""))? + name.len() + 2;
            Some(element[start..].split('"').next()?.to_owned())
        };
        for element in xml.split("<reg ").skip(1) {
            if let (Some(name), Some(number)) = (attribute(element, "name"), attribute(element, "regnum")) {
                self.numbers.insert(name, number.parse().unwrap_or(0));
            }
        }
        // Without numbers of its own, `priv` stands between the floating-point registers and the CSRs.
        self.numbers.entry("priv".to_owned()).or_insert(FIRST_FLOAT + 32);
    }

    /// Resets the machine and puts `program` into it, with the CSRs of `start`: a reset leaves most of them.
    ///
    /// Errors: the connection's.
    pub fn load(&mut self, program: &Program, start: &State) -> io::Result<()> {
        self.remote.ask(&format!("qRcmd,{}", to_hex(b"system_reset")))?;
        let mut requests = Vec::new();
        for (address, bytes) in &program.memory {
            for (i, piece) in bytes.chunks(1024).enumerate() {
                let at = address + 1024 * i as u64;
                requests.push(format!("M{at:x},{:x}:{}", piece.len(), to_hex(piece)));
            }
        }
        // Out of reset QEMU's timer is due.
        requests.push(format!("M{MTIMECMP:x},8:{}", to_hex(&u64::MAX.to_le_bytes())));
        // The status comes first, since floating-point registers can be written only while the unit is on.
        requests.push(format!("P{:x}={}", self.number("mstatus"), to_hex(&start.csr(MSTATUS).to_le_bytes())));
        for (&csr, value) in COMPARED.iter().zip(&start.csr) {
            let number = self.number(&isa::csr::name(csr).to_string());
            requests.push(format!("P{number:x}={}", to_hex(&value.unwrap_or(0).to_le_bytes())));
        }
        for (i, value) in program.x.iter().enumerate().skip(1) {
            requests.push(format!("P{i:x}={}", to_hex(&value.to_le_bytes())));
        }
        for (i, value) in program.f.iter().enumerate() {
            requests.push(format!("P{:x}={}", FIRST_FLOAT + i, to_hex(&value.to_le_bytes())));
        }
        requests.push(format!("P20={}", to_hex(&program.entry.to_le_bytes())));
        for batch in requests.chunks(64) {
            for (request, answer) in batch.iter().zip(self.remote.ask_all(batch)?) {
                if answer != "OK" {
                    return Err(io::Error::other(format!("{request:.40} answers {answer:?}")));
                }
            }
        }
        Ok(())
    }

    fn number(&self, name: &str) -> usize {
        *self.numbers.get(name).unwrap_or_else(|| panic!("QEMU shows no register {name}"))
    }

    /// Writes CSRs.
    ///
    /// Errors: the connection's.
    pub fn correct(&mut self, registers: &[(u16, u64)]) -> io::Result<()> {
        for &(csr, value) in registers {
            let number = self.number(&isa::csr::name(csr).to_string());
            self.remote.ask(&format!("P{number:x}={}", to_hex(&value.to_le_bytes())))?;
        }
        Ok(())
    }

    /// Executes one instruction, or takes one trap.
    ///
    /// Errors: the connection's; an instruction that never ends.
    pub fn step(&mut self) -> io::Result<()> {
        self.remote.ask("s").map(drop)
    }

    /// The state of the hart.
    ///
    /// Errors: the connection's.
    pub fn state(&mut self) -> io::Result<State> {
        let mut requests = vec!["g".to_owned(), format!("p{:x}", self.number("priv"))];
        requests.extend((0..32).map(|i| format!("p{:x}", FIRST_FLOAT + i)));
        requests.extend(
            COMPARED.iter().map(|&csr| format!("p{:x}", self.number(&isa::csr::name(csr).to_string()))),
        );
        let answers = self.remote.ask_all(&requests)?;
        let value = |digits: &str| {
            let bytes = from_hex(digits).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
            bytes.map(u64::from_le_bytes).ok_or_else(|| io::Error::other(format!("answer {digits:?}")))
        };
        let general = &answers[0];
        let mut x = [0; 32];
        for (i, register) in x.iter_mut().enumerate() {
            *register = value(&general[16 * i..16 * i + 16])?;
        }
        let mut f = [0; 32];
        for (register, answer) in f.iter_mut().zip(&answers[2..34]) {
            *register = value(answer)?;
        }
        Ok(State {
            pc: value(&general[16 * 32..16 * 33])?,
            privilege: value(&answers[1])? & 3,
            virt: None,
            x,
            f,
            csr: answers[34..].iter().map(|answer| value(answer).ok()).collect(),
        })
    }

    /// `length` bytes of RAM.
    ///
    /// Errors: the connection's.
    pub fn memory(&mut self, address: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut at = address.max(BASE);
        while at < address + length {
            let count = 1024.min(address + length - at);
            let answer = self.remote.ask(&format!("m{at:x},{count:x}"))?;
            bytes.extend(from_hex(&answer).ok_or_else(|| io::Error::other(answer))?);
            at += count;
        }
        Ok(bytes)
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.socket);
    }
}
