//! Every F, D and Zfa instruction executed: operands, result, flags and the state of the registers, as data.

use isa::{Extension, Inst, Op, Slot, Small};
use machine::csr::status;
use machine::hart::RunState;
use machine::interp::Interpreter;
use machine::node::{Config, Limits, Node};
use machine::ram::RAM_BASE;

const OFF: u64 = 0;
const INITIAL: u64 = 1;
const DIRTY: u64 = 3;
const MEMORY: u64 = RAM_BASE + 0x800;
const VECTOR: u64 = RAM_BASE + 0x100;
const UNTOUCHED: u64 = 0x0123_4567_89ab_cdef;
const RD: u8 = 10;
const SOURCES: [u8; 3] = [11, 12, 13];

/// A node of one hart in machine mode that is about to execute `inst`.
fn node(inst: &Inst, float_state: u64) -> Node {
    let mut config = Config::default();
    config.board.memory_bytes = 1 << 20;
    let mut node = Node::new(&config, Box::new(Interpreter::new(1))).unwrap();
    node.bus.ram.write(RAM_BASE, &isa::encode(inst).to_le_bytes()).unwrap();
    let hart = &mut node.harts[0];
    hart.pc = RAM_BASE;
    hart.state = RunState::Running;
    hart.csr.mtvec = VECTOR;
    hart.csr.mstatus |= float_state << status::FS.trailing_zeros();
    hart.x[usize::from(RD)] = UNTOUCHED;
    hart.f[usize::from(RD)] = UNTOUCHED;
    node
}

fn instruction(op: Op, rm: u8) -> Inst {
    let [rs1, rs2, rs3] = SOURCES;
    let fields = op.format().fields();
    let rm = if fields.small == Small::RoundingMode { rm } else { 0 };
    let kept = |slot: Slot, register: u8| if slot == Slot::No { 0 } else { register };
    Inst {
        rd: kept(fields.rd, RD),
        rs1: kept(fields.rs1, rs1),
        rs2: kept(fields.rs2, rs2),
        rs3: kept(fields.rs3, rs3),
        rm,
        ..Inst::of(op)
    }
}

fn step(node: &mut Node) {
    let retired = node.retired();
    node.run(Limits { instructions: retired + 1, cycle: u64::MAX });
}

fn float_state(node: &Node) -> u64 {
    (node.harts[0].csr.mstatus & status::FS) >> status::FS.trailing_zeros()
}

/// A register image: `1.5s` and `1.5d` are boxed singles and doubles, `nans` and `nand` the canonical NaNs,
/// `0x` plain bits, a plain number an integer.
fn parse(word: &str) -> u64 {
    let boxed = |bits: u32| 0xffff_ffff_0000_0000 | u64::from(bits);
    if let Some(hex) = word.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).unwrap();
    }
    match word {
        "nans" => return boxed(0x7fc0_0000),
        "nand" => return 0x7ff8_0000_0000_0000,
        _ => {}
    }
    if let Some(single) = word.strip_suffix('s') {
        return boxed(single.parse::<f32>().unwrap().to_bits());
    }
    if let Some(double) = word.strip_suffix('d') {
        return double.parse::<f64>().unwrap().to_bits();
    }
    word.parse::<i64>().unwrap().cast_unsigned()
}

fn parse_rm(name: &str) -> u8 {
    let names = ["rne", "rtz", "rdn", "rup", "rmm"];
    names.iter().position(|known| *known == name).and_then(|at| u8::try_from(at).ok()).unwrap()
}

fn parse_flags(names: &str) -> u8 {
    let known = ["NX", "UF", "OF", "DZ", "NV"];
    names
        .split_whitespace()
        .fold(0, |flags, name| flags | 1 << known.iter().position(|k| *k == name).unwrap())
}

/// Executes a line `instruction[/mode] operands = result [flags]`, once with the mode in the instruction and
/// another in `frm`, once with the mode in `frm`.
fn check(line: &str) {
    let (question, answer) = line.split_once('=').unwrap();
    let mut words = question.split_whitespace();
    let (name, mode) = words.next().map(|word| word.split_once('/').unwrap_or((word, "rne"))).unwrap();
    let (result, flags) = answer.trim().split_once(' ').unwrap_or((answer.trim(), ""));
    let (expected, flags, mode) = (parse(result), parse_flags(flags), parse_rm(mode));
    let op = Op::from_mnemonic(name).unwrap_or_else(|| panic!("no instruction {name}"));
    let fields = op.format().fields();
    let operands: Vec<u64> = words.map(parse).collect();

    for (rm, frm) in [(mode, (mode + 1) % 5), (7, mode)] {
        let mut inst = instruction(op, rm);
        let mut node = node(&inst, INITIAL);
        let hart = &mut node.harts[0];
        hart.frm = frm;
        for (index, slot) in [fields.rs1, fields.rs2, fields.rs3].into_iter().enumerate() {
            match slot {
                Slot::X => hart.x[usize::from(SOURCES[index])] = operands[index],
                Slot::F => hart.f[usize::from(SOURCES[index])] = operands[index],
                Slot::Number => inst.rs1 = operands[index].to_le_bytes()[0],
                Slot::No => {}
            }
        }
        node.bus.ram.write(RAM_BASE, &isa::encode(&inst).to_le_bytes()).unwrap();
        step(&mut node);
        let hart = &node.harts[0];
        let to_float = fields.rd == Slot::F;
        let (written, other) = if to_float { (hart.f[10], hart.x[10]) } else { (hart.x[10], hart.f[10]) };
        assert_eq!((written, hart.fflags), (expected, flags), "{line}: {written:x}, {expected:x} expected");
        assert_eq!((other, hart.pc), (UNTOUCHED, RAM_BASE + 4), "{line}");
        let dirty = to_float || flags != 0;
        assert_eq!(float_state(&node), if dirty { DIRTY } else { INITIAL }, "{line}");
    }
}

const CASES: &str = "
    fadd.s 1s 2s = 3s
    fadd.s 1s 0x3f800000 = nans
    fadd.s/rup 1s 1e-30s = 1.0000001s NX
    fsub.s 1s 2s = -1s
    fmul.s 1.5s 1.5s = 2.25s
    fdiv.s 1s 0s = infs DZ
    fdiv.s/rtz 1s 3s = 0.3333333s NX
    fsqrt.s 2.25s = 1.5s
    fsqrt.s -1s = nans NV
    fmadd.s 2s 3s 1s = 7s
    fmsub.s 2s 3s 1s = 5s
    fnmsub.s 2s 3s 1s = -5s
    fnmadd.s 2s 3s 1s = -7s
    fsgnj.s 1s -2s = -1s
    fsgnjn.s 1s -2s = 1s
    fsgnjx.s -1s -2s = 1s
    fsgnj.s 0x3f800000 -2s = 0xffffffffffc00000
    fmin.s -0s 0s = -0s
    fmax.s 1s 0xffffffff7f800001 = 1s NV
    fcvt.w.s -1.5s = -2 NX
    fcvt.w.s/rtz -1.5s = -1 NX
    fcvt.wu.s 4294967040s = 0xffffffffffffff00
    fcvt.wu.s -1s = 0 NV
    fcvt.l.s 3e9s = 3000000000
    fcvt.lu.s nans = 0xffffffffffffffff NV
    fcvt.s.w 0x1ffffffff = -1s
    fcvt.s.wu 0x100000003 = 3s
    fcvt.s.wu 0xffffffff = 4294967296s NX
    fcvt.s.l -3 = -3s
    fcvt.s.lu -1 = 18446744073709551616s NX
    fmv.x.w 0x12345678bf800000 = 0xffffffffbf800000
    fmv.w.x 0x12345678bf800000 = 0xffffffffbf800000
    feq.s 1s 1s = 1
    feq.s 1s nans = 0
    flt.s 1s 2s = 1
    flt.s 1s nans = 0 NV
    fle.s 2s 2s = 1
    fclass.s -infs = 1
    fclass.s 0x3f800000 = 512
    fadd.d 1d 2d = 3d
    fadd.d/rdn 1d -1d = -0d
    fsub.d 1d 2d = -1d
    fmul.d 1.5d 1.5d = 2.25d
    fdiv.d -1d 0d = -infd DZ
    fsqrt.d 2.25d = 1.5d
    fmadd.d 2d 3d 1d = 7d
    fmsub.d 2d 3d 1d = 5d
    fnmsub.d 2d 3d 1d = -5d
    fnmadd.d 2d 3d 1d = -7d
    fsgnj.d 1d -2d = -1d
    fsgnjn.d 1d -2d = 1d
    fsgnjx.d 1d -2d = -1d
    fmin.d 1d nand = 1d
    fmax.d 1d 2d = 2d
    fcvt.w.d 2147483648d = 2147483647 NV
    fcvt.wu.d 4294967295d = -1
    fcvt.l.d/rup 0.5d = 1 NX
    fcvt.lu.d 18446744073709549568d = 0xfffffffffffff800
    fcvt.d.w 0x80000000 = -2147483648d
    fcvt.d.wu 0xffffffff80000000 = 2147483648d
    fcvt.d.l/rtz 0x7fffffffffffffff = 9223372036854774784d NX
    fcvt.d.lu/rtz -1 = 18446744073709549568d NX
    fcvt.s.d 1.5d = 1.5s
    fcvt.s.d 1e300d = infs OF NX
    fcvt.d.s 1.5s = 1.5d
    fcvt.d.s 0x3fc00000 = nand
    fmv.x.d -1d = 0xbff0000000000000
    fmv.d.x 0xbff0000000000000 = -1d
    feq.d 0d -0d = 1
    flt.d 1d 2d = 1
    fle.d nand 2d = 0 NV
    fclass.d 0d = 16
    fli.s 0 = -1s
    fli.s 1 = 0xffffffff00800000
    fli.s 22 = 3s
    fminm.s 1s nans = nans
    fmaxm.s 1s 2s = 2s
    fround.s 2.5s = 2s
    fround.s/rmm 2.5s = 3s
    froundnx.s 2.5s = 2s NX
    fleq.s 1s nans = 0
    fltq.s 1s 2s = 1
    fli.d 30 = infd
    fli.d 31 = nand
    fminm.d 1d 2d = 1d
    fmaxm.d 1d nand = nand
    fround.d/rdn -0.5d = -1d
    froundnx.d/rtz -0.5d = -0d NX
    fleq.d 2d 2d = 1
    fltq.d 1d 0x7ff0000000000001 = 0 NV
    fcvtmod.w.d 4294967299d = 3 NV
    fcvtmod.w.d -2.5d = -2 NX
";

fn float_instructions() -> impl Iterator<Item = Op> {
    let float = |op: &Op| matches!(op.extension(), Extension::F | Extension::D | Extension::Zfa);
    Op::ALL.into_iter().filter(float)
}

#[test]
fn instructions_compute_what_the_specification_says() {
    CASES.lines().map(str::trim).filter(|line| !line.is_empty()).for_each(check);
}

#[test]
fn every_instruction_is_in_the_table_of_cases() {
    let tested: Vec<&str> = CASES.split_whitespace().map(|word| word.split('/').next().unwrap()).collect();
    for op in float_instructions() {
        let name = op.mnemonic();
        let accesses_memory = ["flw", "fld", "fsw", "fsd"].contains(&name);
        assert!(accesses_memory || tested.contains(&name), "{name} has no case");
    }
}

/// The instruction must trap as illegal and leave no other trace.
fn refused(inst: &Inst, state: u64, frm: u8) {
    let mut node = node(inst, state);
    node.harts[0].frm = frm;
    node.harts[0].x[usize::from(SOURCES[0])] = MEMORY;
    step(&mut node);
    let hart = &node.harts[0];
    let name = inst.op.mnemonic();
    assert_eq!((hart.csr.mcause, hart.csr.mtval), (2, u64::from(isa::encode(inst))), "{name} rm {}", inst.rm);
    assert_eq!((hart.x[10], hart.f[10], hart.fflags), (UNTOUCHED, UNTOUCHED, 0), "{name}");
    assert_eq!(float_state(&node), state, "{name}");
}

#[test]
fn all_are_illegal_while_the_registers_are_off() {
    for op in float_instructions() {
        refused(&instruction(op, 0), OFF, 0);
    }
}

#[test]
fn reserved_rounding_modes_are_illegal() {
    let rounding = |op: &Op| op.format().fields().small == Small::RoundingMode;
    for op in float_instructions().filter(rounding) {
        for (rm, frm) in [(5, 0), (6, 0), (7, 5), (7, 6), (7, 7)] {
            refused(&instruction(op, rm), INITIAL, frm);
        }
    }
}

#[test]
fn loads_box_and_stores_do_not_look() {
    for (name, offset, expected) in [
        ("flw", -4, 0xffff_ffff_89ab_cdef_u64),
        ("fld", -4, 0x0123_4567_89ab_cdef),
        ("flw", 0, 0xffff_ffff_0123_4567),
    ] {
        let inst = Inst { imm: offset, ..instruction(Op::from_mnemonic(name).unwrap(), 0) };
        let mut node = node(&inst, INITIAL);
        node.bus.ram.write(MEMORY - 4, &UNTOUCHED.to_le_bytes()).unwrap();
        node.harts[0].f[10] = 0;
        node.harts[0].x[usize::from(SOURCES[0])] = MEMORY;
        step(&mut node);
        assert_eq!((node.harts[0].f[10], float_state(&node)), (expected, DIRTY), "{name}");
    }
    for (name, expected) in [("fsw", 0xffff_ffff_89ab_cdef_u64), ("fsd", 0x0123_4567_89ab_cdef)] {
        let inst = Inst { imm: 8, ..instruction(Op::from_mnemonic(name).unwrap(), 0) };
        let mut node = node(&inst, INITIAL);
        node.bus.ram.write(MEMORY + 8, &[0xff; 8]).unwrap();
        node.harts[0].f[usize::from(SOURCES[1])] = UNTOUCHED;
        node.harts[0].x[usize::from(SOURCES[0])] = MEMORY;
        step(&mut node);
        let stored = u64::from_le_bytes(node.bus.ram.read(MEMORY + 8).unwrap());
        assert_eq!((stored, float_state(&node)), (expected, INITIAL), "{name}");
    }
}

#[test]
fn the_virtual_machine_needs_both_states_on_and_dirties_both() {
    let inst = instruction(Op::from_mnemonic("fadd.d").unwrap(), 0);
    let shift = status::FS.trailing_zeros();
    for (host, guest, allowed) in [(OFF, INITIAL, false), (INITIAL, OFF, false), (INITIAL, INITIAL, true)] {
        let mut node = node(&inst, host);
        let hart = &mut node.harts[0];
        hart.privilege = machine::privilege::Privilege::Supervisor;
        hart.virt = true;
        hart.pmp = machine::mmu::pmp::Pmp::open();
        hart.csr.vsstatus |= guest << shift;
        step(&mut node);
        let csr = &node.harts[0].csr;
        let states = ((csr.mstatus & status::FS) >> shift, (csr.vsstatus & status::FS) >> shift);
        if allowed {
            assert_eq!((states, csr.mcause), ((DIRTY, DIRTY), 0));
        } else {
            assert_eq!((states, csr.mcause), ((host, guest), 2));
        }
    }
}
