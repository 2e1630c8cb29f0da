//! A shared folder: its names, a file read, a file written.

use crate::message::Session;
use rt::println;
use rt::request::{Device, Rings};

const VERSION: u8 = 100;
const ATTACH: u8 = 104;
const WALK: u8 = 110;
const OPEN: u8 = 12;
const CREATE: u8 = 14;
const READ_FOLDER: u8 = 40;
const READ: u8 = 116;
const WRITE: u8 = 118;
const CLUNK: u8 = 120;

/// The mount tag is offered.
const FEATURE_TAG: u32 = 1;
const ROOT: u32 = 0;
const FILE: u32 = 1;
const WRITE_ONLY: u32 = 1;
const CREATE_OR_EMPTY: u32 = 0o1000;
/// Most bytes of `in.txt` that are read.
const CONTENTS: usize = 1024;

/// One for each folder there may be.
pub static RINGS: [Rings; 5] = [const { Rings::new() }; 5];

/// Visits the folder behind the device in a slot; the server's error number.
pub fn visit(slot: usize, rings: &'static Rings) -> Result<(), u32> {
    let device = Device::start(slot, FEATURE_TAG, rings);
    let length = usize::from(device.configuration(0)).min(64);
    let tag: [u8; 64] = core::array::from_fn(|at| if at < length { device.configuration(2 + at) } else { 0 });
    println!("folder: {}", core::str::from_utf8(&tag[..length]).unwrap_or("?"));
    let session = &mut Session::new(device);
    session.u32(crate::message::BYTES as u32).text("9P2000.L").send(VERSION)?;
    session.u32(ROOT).u32(u32::MAX).text("").text("").u32(0).send(ATTACH)?;
    list(session)?;
    let mut contents = [0; CONTENTS];
    let length = match read(session, "in.txt", &mut contents) {
        Ok(length) => length,
        Err(error) => {
            println!("folder: in.txt: error {error}");
            return Ok(());
        }
    };
    println!(
        "folder: in.txt has {length} bytes: {}",
        core::str::from_utf8(&contents[..length]).unwrap_or("?").trim_end()
    );
    contents[..length].make_ascii_uppercase();
    match write(session, "out.txt", &contents[..length]) {
        Ok(written) => println!("folder: {written} bytes written to out.txt"),
        Err(error) => println!("folder: out.txt: error {error}"),
    }
    Ok(())
}

/// A fid of its own for the root or a file in it.
fn walk(session: &mut Session, name: Option<&str>) -> Result<(), u32> {
    session.u32(ROOT).u32(FILE).u16(u16::from(name.is_some()));
    if let Some(name) = name {
        session.text(name);
    }
    session.send(WALK)
}

fn list(session: &mut Session) -> Result<(), u32> {
    walk(session, None)?;
    session.u32(FILE).u32(0).send(OPEN)?;
    session.u32(FILE).u64(0).u32(4000).send(READ_FOLDER)?;
    session.skip(4);
    while session.has_more() {
        // Identity, offset of the next and type.
        let kind = session.take::<22>()[21];
        let length = u16::from_le_bytes(session.take());
        let name = session.bytes(usize::from(length));
        println!(
            "folder:   {}{}",
            core::str::from_utf8(name).unwrap_or("?"),
            if kind == 4 { "/" } else { "" }
        );
    }
    session.u32(FILE).send(CLUNK)
}

fn read(session: &mut Session, name: &str, into: &mut [u8]) -> Result<usize, u32> {
    walk(session, Some(name))?;
    session.u32(FILE).u32(0).send(OPEN)?;
    session.u32(FILE).u64(0).u32(into.len() as u32).send(READ)?;
    let length = (u32::from_le_bytes(session.take()) as usize).min(into.len());
    into[..length].copy_from_slice(session.bytes(length));
    session.u32(FILE).send(CLUNK)?;
    Ok(length)
}

fn write(session: &mut Session, name: &str, bytes: &[u8]) -> Result<u32, u32> {
    walk(session, None)?;
    session.u32(FILE).text(name).u32(WRITE_ONLY | CREATE_OR_EMPTY).u32(0o644).u32(0).send(CREATE)?;
    session.u32(FILE).u64(0).u32(bytes.len() as u32).raw(bytes).send(WRITE)?;
    let written = u32::from_le_bytes(session.take());
    session.u32(FILE).send(CLUNK)?;
    Ok(written)
}
